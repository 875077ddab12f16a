"""What differs between two images: files with what of them, and the image configs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from cais.images.merged import Entry, merged
from cais.images.model import ImageConfig, StoredImage

_READ_BYTES = 1 << 20
ADDED, REMOVED, CHANGED = "added", "removed", "changed"
CONTENT = "content"
_Plain = dict[str, object]


class Aspect(msgspec.Struct, frozen=True):
    """One thing that differs: what, before and after."""

    what: str
    before: str
    after: str


class FileDifference(msgspec.Struct, frozen=True):
    """A path and how it differs; `aspects` of what was changed."""

    path: str
    how: str
    aspects: tuple[Aspect, ...] = ()


class ImageDifference(msgspec.Struct, frozen=True):
    """All of it. `config` names members of the image config (`config.Env[2]`), "" for what one side does not have."""

    files: tuple[FileDifference, ...]
    config: tuple[Aspect, ...]

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return not self.files and not self.config


def diff_images(before: StoredImage, after: StoredImage, *, times: bool = True) -> ImageDifference:
    """What differs; without `times`, a file that only has another time is the same. Times count in whole seconds, as in layers."""
    one, other = merged(before.snapshot_paths), merged(after.snapshot_paths)
    files = tuple(_entries(one, other, b"", times=times))
    return ImageDifference(files=files, config=tuple(_configs(before.config, after.config)))


def _entries(before: Entry | None, after: Entry | None, path: bytes, *, times: bool) -> Iterator[FileDifference]:
    if before is None or after is None:
        how, there = (ADDED, after) if before is None else (REMOVED, before)
        for name, _ in there.walk(path) if there is not None else ():
            yield FileDifference(_shown(name), how)
        return
    # The root folder's own time is in no layer.
    aspects = tuple(_aspects(before, after, times=times and path != b""))
    if aspects:
        yield FileDifference(_shown(path), CHANGED, aspects)
    ours, theirs = before.children or {}, after.children or {}
    for name in sorted(ours.keys() | theirs.keys()):
        yield from _entries(ours.get(name), theirs.get(name), path + b"/" + name, times=times)


def _aspects(before: Entry, after: Entry, *, times: bool) -> Iterator[Aspect]:
    old, new = before.status, after.status
    if before.kind != after.kind:
        yield Aspect("type", before.kind, after.kind)
    elif before.source != after.source:
        yield from _contents(before, after)
    if stat.S_IMODE(old.st_mode) != stat.S_IMODE(new.st_mode):
        yield Aspect("mode", f"{stat.S_IMODE(old.st_mode):04o}", f"{stat.S_IMODE(new.st_mode):04o}")
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        yield Aspect("owner", f"{old.st_uid}:{old.st_gid}", f"{new.st_uid}:{new.st_gid}")
    if times and int(old.st_mtime) != int(new.st_mtime):
        yield Aspect("time", str(int(old.st_mtime)), str(int(new.st_mtime)))
    if before.source != after.source:
        ours, theirs = before.xattrs(), after.xattrs()
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                yield Aspect(f"attribute {name}", _hex(ours.get(name)), _hex(theirs.get(name)))


def _contents(before: Entry, after: Entry) -> Iterator[Aspect]:
    old, new = before.status, after.status
    if before.kind == "link" and before.link() != after.link():
        yield Aspect("link", os.fsdecode(before.link()), os.fsdecode(after.link()))
    if before.kind == "device" and old.st_rdev != new.st_rdev:
        yield Aspect("device", _device(old), _device(new))
    if before.kind != "file":
        return
    if old.st_size != new.st_size:
        yield Aspect(CONTENT, f"{old.st_size} bytes", f"{new.st_size} bytes")
        return
    with open(before.source, "rb") as one, open(after.source, "rb") as other:
        place = _first_difference(one, other)
    if place is not None:
        yield Aspect(CONTENT, f"{old.st_size} bytes", f"other from byte {place} on")


def _first_difference(one: BinaryIO, other: BinaryIO) -> int | None:
    begin = 0
    while True:
        ours, theirs = one.read(_READ_BYTES), other.read(_READ_BYTES)
        if ours != theirs:
            shorter = min(len(ours), len(theirs))
            return begin + next((n for n in range(shorter) if ours[n] != theirs[n]), shorter)
        if not ours:
            return None
        begin += len(ours)


def _configs(before: ImageConfig, after: ImageConfig) -> Iterator[Aspect]:
    ours, theirs = _flat(before), _flat(after)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield Aspect(name, ours.get(name, ""), theirs.get(name, ""))


def _flat(config: ImageConfig) -> dict[str, str]:
    """Every value by its path. The layers' digests are left out: what they stand for is compared."""
    found: dict[str, str] = {}

    def visit(path: str, node: object) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                visit(f"{path}.{key}" if path else str(key), value)
        elif isinstance(node, list | tuple):
            for number, value in enumerate(node):
                visit(f"{path}[{number}]", value)
        else:
            found[path] = msgspec.json.encode(node).decode()

    whole: _Plain = msgspec.to_builtins(config)
    visit("", {key: value for key, value in whole.items() if key != "rootfs"})
    return found


def _shown(path: bytes) -> str:
    return (path or b"/").decode(errors="backslashreplace")


def _hex(value: bytes | None) -> str:
    return "" if value is None else value.hex()


def _device(status: os.stat_result) -> str:
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
