"""Removing images by name, as `image rm` and `down --rmi` do it."""

from __future__ import annotations

from cais.cli.wire import Wire
from cais.errors import NotFoundError
from cais.images.model import StoredImage


def need_image(wire: Wire, name: str) -> StoredImage:
    """The image with that name or id. Raises NotFoundError."""
    image = wire.images.find(name)
    if image is None:
        raise NotFoundError(f'no such image: "{name}"', hint="`cais image ls` lists what is there")
    return image


def remove_by_name(wire: Wire, name: str, *, force: bool) -> tuple[str, ...]:
    """Take away the name, and with its last name the image; what was done, in words. Raises NotFoundError, Conflict.

    By an id, all its names go; with `force` even those of several repositories.
    """
    image = need_image(wire, name)
    if wire.reference_key(name) in image.references and len(image.references) > 1:
        wire.images.untag(name)
        return (f"Untagged: {name}",)
    return wire.images.remove(image.id, force=force)
