"""`--output`: what is made of a built image besides its place in the store (docker buildx build reference, "--output")."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

from cais.cli import buildflags
from cais.cli.wire import Wire
from cais.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from cais.events import EventSink
    from cais.images.model import StoredImage

KINDS = ("image", "docker", "oci", "local", "tar", "registry")
_STDOUT = "/dev/stdout"
_HINT = "write a folder, or type=KIND,dest=PATH; the kinds are " + ", ".join(KINDS)


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One wish. `path` is absolute, or /dev/stdout; `is_folder`: of type oci, the layout as a folder; `push`: to the registries of the names."""

    kind: str
    path: str = ""
    names: tuple[str, ...] = ()
    is_folder: bool = False
    push: bool = False


def parse_output(text: str) -> Output:
    """`FOLDER`, `-`, or `type=KIND,dest=PATH`. Raises UsageError."""
    if "=" not in text:
        return Output(kind="tar", path=_STDOUT) if text == "-" else Output(kind="local", path=os.path.abspath(text))
    given = buildflags.fields(text, "--output", ("type", "dest", "name", "tar", "push"))
    kind = given.get("type", "")
    if kind not in KINDS:
        raise UsageError(f'--output has no type "{kind}"', hint=_HINT)
    dest = given.get("dest", "")
    if kind == "local" and dest in ("", "-"):
        raise UsageError("--output of type local needs a folder", hint="write type=local,dest=FOLDER")
    return Output(
        kind=kind,
        path=_STDOUT if dest in ("", "-") else os.path.abspath(dest),
        names=tuple(name for name in given.get("name", "").split(",") if name),
        is_folder=kind == "oci" and given.get("tar") == "false",
        push=kind == "registry" or given.get("push", "false") in ("", "true"),
    )


def check_terminal(outputs: tuple[Output, ...]) -> None:
    """Raise UsageError for an archive that would go to a terminal."""
    if sys.stdout.isatty() and any(each.path == _STDOUT and each.kind in ("docker", "oci", "tar") for each in outputs):
        raise UsageError("an archive is not written to a terminal", hint="add dest=FILE, or send the output to a file")


def give(output: Output, image: StoredImage, tags: tuple[str, ...], wire: Wire, events: EventSink) -> None:
    """Do what was wished. Raises NotFoundError, UsageError, PushError, BuildError."""
    names = output.names or tags
    for name in output.names:
        wire.images.tag(image.id, name)
    if output.push:
        push(names, wire, events)
    if output.kind == "docker" or (output.kind == "oci" and not output.is_folder):
        wire.images.save(list(names) or [image.id], output.path)
    elif output.kind == "oci":
        _layout(output.path, image, wire, events)
    elif output.kind in ("local", "tar"):
        _files(output, image, wire)


def push(names: tuple[str, ...], wire: Wire, events: EventSink) -> None:
    """To the registry of each name."""
    if not names:
        raise UsageError("an image without a name cannot be pushed", hint="add -t REGISTRY/NAME:TAG")
    pusher = wire.pusher(events)
    for name in names:
        pusher.push(name)


def _layout(folder: str, image: StoredImage, wire: Wire, events: EventSink) -> None:
    from cais.registry.between import CopyOptions, copy_between
    from cais.registry.places import Kind, Place

    source, target = Place(Kind.STORE, "", image.id), Place(Kind.FOLDER, folder, "latest")
    copy_between(source, target, wire.images, events=events, settings=wire.registries, options=CopyOptions())


def _files(output: Output, image: StoredImage, wire: Wire) -> None:
    """The image's files: into a folder, in the caller's name, or as a tar."""
    parent = os.path.dirname(output.path)
    if not os.path.isdir(parent):
        raise NotFoundError(f'folder "{parent}" does not exist', hint=f"mkdir -p {parent}")
    top = image.chain_ids[-1] if image.chain_ids else ""
    with wire.images.snapshots.prepare(top) as mounted:
        if output.kind == "tar":
            from cais.images.layer import layer_tar

            with open(output.path, "wb") as sink:
                sink.writelines(layer_tar(mounted.merged))
        else:
            from cais.build.export import copy_files

            copy_files(mounted.merged, output.path, wire.uid, os.getgid())
