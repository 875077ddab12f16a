"""The catalogue in SQL: one implementation for SQLite and PostgreSQL."""
