"""The catalogue in Oracle's NoSQL database: rows by their key, queries by an index, no joins and no transactions over several rows."""
