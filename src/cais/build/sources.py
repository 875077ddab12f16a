"""Where a stage begins and where COPY and mounts take files from."""

from __future__ import annotations

import msgspec

IMAGE_CONTEXT = "docker-image://"
LAYOUT_CONTEXT = "oci-layout://"


class Context(msgspec.Struct, frozen=True, tag="context"):
    """A folder offered to the build; "" is the main one."""

    name: str = ""


class StageOutput(msgspec.Struct, frozen=True, tag="stage"):
    """The files of another stage, by its index."""

    index: int


class Image(msgspec.Struct, frozen=True, tag="image"):
    """The files of an image."""

    reference: str


class Scratch(msgspec.Struct, frozen=True, tag="scratch"):
    """Nothing at all."""


Source = Context | StageOutput | Image
# A stage that begins with a context has its files, on nothing.
Base = StageOutput | Image | Scratch | Context
