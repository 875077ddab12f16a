"""The catalogue: what is known of images, users and sessions."""
