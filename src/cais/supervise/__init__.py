"""Keeps a running project alive: exits, health, restarts, events. Knows the engine and container specs, not Compose files."""
