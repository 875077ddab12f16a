"""Cais takes a Compose project from source to release with no Docker, no daemon and no registry."""
