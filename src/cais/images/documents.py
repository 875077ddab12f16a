"""JSON documents of others to typed values, such as image configs as registries and archives give them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cais import decoding
from cais.errors import InvalidImage, Problem
from cais.images.model import ImageConfig

T = TypeVar("T")


def decode_config(data: bytes) -> ImageConfig:
    """An image config. Raises InvalidImage."""
    return decode(data, ImageConfig, "image config")


def decode(data: bytes, kind: type[T], name: str) -> T:
    """`data` as a `kind`; members that are null count as absent, for Docker writes `"Cmd": null`."""
    try:
        return decoding.decode(data, kind)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidImage([Problem(f"the {name} is not JSON: {error}")]) from error
    try:
        return msgspec.convert(_without_nulls(msgspec.json.decode(data)), type=kind)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:  # what is wrong in its form may come before what is no JSON
        raise InvalidImage([Problem(f"the {name} is malformed: {error}")]) from error


def _without_nulls(node: object) -> object:
    if isinstance(node, dict):
        return {key: _without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_without_nulls(value) for value in node]
    return node
