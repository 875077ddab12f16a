"""What is in an archive of `docker save` or `cais image save`, read without any code of Cais's: the files its layers come to, and its config."""

from __future__ import annotations

import hashlib
import itertools
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

_XATTR = "SCHILY.xattr."
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_KINDS = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "fifo",
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `links` are all the names of a file that has several."""

    kind: str
    mode: int
    owner: str
    content: str = ""
    target: str = ""
    device: str = ""
    links: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        parts = [
            self.kind,
            f"{self.mode:04o}",
            self.owner,
            self.content,
            self.target and f"-> {self.target}",
            self.device,
        ]
        parts += [f"links {self.links}" if self.links else "", str(self.attributes) if self.attributes else ""]
        return " ".join(part for part in parts if part)


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """Files by path, and the config without what is empty in it."""

    files: dict[str, Node]
    config: dict[str, Any]
    facts: dict[str, Any]


def read(archive: Path) -> Image:
    """The one image in `archive`."""
    with tarfile.open(archive) as outer:
        manifest = json.load(_member(outer, "manifest.json"))[0]
        config = json.load(_member(outer, manifest["Config"]))
        stack = _Stack()
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=_member(outer, layer)) as tar:
                stack.add(tar)
    kept = {key: value for key, value in config["config"].items() if value and key != "ArgsEscaped"}
    facts = {key: config[key] for key in ("architecture", "os", "author") if config.get(key)}
    return Image(files=stack.files(), config=kept, facts=facts)


def _member(tar: tarfile.TarFile, name: str | tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(name)
    assert found is not None, name
    return found


class _Stack:
    """Layers, one over the other."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._files: dict[str, int] = {}  # which names are one file
        self._numbers = itertools.count()

    def add(self, tar: tarfile.TarFile) -> None:
        """First what the layer removes, then what it brings (OCI image layer specification, "Whiteouts")."""
        members = [(member.name.removeprefix("./").strip("/"), member) for member in tar]
        for path, _ in members:
            folder, _, name = path.rpartition("/")
            if name == _OPAQUE:
                self._remove_below(folder)
            elif name.startswith(_WHITEOUT):
                self._remove(f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/"))
        for path, member in members:
            if path not in ("", ".") and not path.rpartition("/")[2].startswith(_WHITEOUT):
                self._bring(tar, path, member)

    def files(self) -> dict[str, Node]:
        """What the layers come to."""
        names: dict[int, list[str]] = {}
        for path, number in self._files.items():
            names.setdefault(number, []).append(path)
        several = {path: tuple(sorted(found)) for found in names.values() if len(found) > 1 for path in found}
        return {path: msgspec.structs.replace(node, links=several.get(path, ())) for path, node in self._nodes.items()}

    def _bring(self, tar: tarfile.TarFile, path: str, member: tarfile.TarInfo) -> None:
        if path in self._nodes and not (member.isdir() and self._nodes[path].kind == "folder"):
            self._remove(path)
        if member.islnk():
            first = member.linkname.removeprefix("./").strip("/")
            self._nodes[path], self._files[path] = self._nodes[first], self._files[first]
        else:
            self._nodes[path], self._files[path] = _node(tar, member), next(self._numbers)

    def _remove(self, path: str) -> None:
        self._remove_below(path)
        self._nodes.pop(path, None)
        self._files.pop(path, None)

    def _remove_below(self, folder: str) -> None:
        for path in [each for each in self._nodes if each.startswith(folder + "/")]:
            del self._nodes[path], self._files[path]


def _node(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Node:
    kind = _KINDS.get(member.type, "file")
    attributes = (
        (name.removeprefix(_XATTR), value) for name, value in member.pax_headers.items() if name.startswith(_XATTR)
    )
    return Node(
        kind=kind,
        mode=0o777 if kind == "link" else member.mode & 0o7777,
        owner=f"{member.uid}:{member.gid}",
        content=_content(_member(tar, member).read()) if kind == "file" else "",
        target=member.linkname if kind == "link" else "",
        device=f"{member.devmajor},{member.devminor}" if "device" in kind else "",
        attributes=tuple(sorted(attributes)),
    )


def _content(data: bytes) -> str:
    return repr(data) if len(data) < 200 else f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}"


def differences(ours: Image, theirs: Image) -> Iterator[tuple[str, str]]:
    """What differs: a path or `config.NAME`, and how."""
    for path in sorted({*ours.files, *theirs.files}):
        if ours.files.get(path) != theirs.files.get(path):
            yield path, f"Cais: {ours.files.get(path, 'none')}; the other: {theirs.files.get(path, 'none')}"
    for key in sorted({*ours.config, *theirs.config}):
        if ours.config.get(key) != theirs.config.get(key):
            yield f"config.{key}", f"Cais: {ours.config.get(key)}; the other: {theirs.config.get(key)}"
    if ours.facts != theirs.facts:
        yield "facts", f"Cais: {ours.facts}; the other: {theirs.facts}"
