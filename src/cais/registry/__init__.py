"""Talks to OCI registries. Knows the image store, nothing above it."""
