"""What creates and starts containers. Knows image ids and container specs, not Compose."""
