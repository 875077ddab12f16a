"""One module a scenario: its rows, and a round for each side."""
