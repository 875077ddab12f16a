"""What a request carries as a file."""

from __future__ import annotations

from flask import request

from fotogal.imaging import MAX_BYTES
from fotogal.refusals import Invalid

FIELD = "image"


def uploaded() -> tuple[bytes, str | None]:
    """The bytes of the field `image` and the name they had; one byte more than allowed is enough to refuse them. Raises Invalid if there are none."""
    file = request.files.get(FIELD)
    data = file.stream.read(MAX_BYTES + 1) if file else b""
    if file is None or not data:
        raise Invalid({FIELD: "Escolha uma foto."})
    return data, file.filename


def upload_id(given: str | None) -> int | None:
    """The identity that the form carries; None for what cannot be one, which then gets a new one."""
    return (
        int(given)
        if given and given.isascii() and given.isdigit() and len(given) <= 19 and int(given) < 1 << 63
        else None
    )
