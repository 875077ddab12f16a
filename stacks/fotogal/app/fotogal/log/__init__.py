"""The central log: one JSON object a line."""
