"""Makes base images from Debian's signed archive, for when no registry answers."""
