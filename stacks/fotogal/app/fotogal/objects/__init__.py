"""Object storage: where the bytes of the images are."""
