"""Turns Dockerfile text into one typed value per instruction. Knows nothing of images or hosts."""
