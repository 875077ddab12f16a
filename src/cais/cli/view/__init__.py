"""Renders progress events: terminal, plain, json, quiet."""
