"""Turns a Dockerfile and a context into an image. Runs commands only through the executor protocol."""
