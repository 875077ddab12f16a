"""What is fed with hostile bytes, and what must hold whatever they are: only errors that are made for it, and nothing outside."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable

import msgspec

from cais.errors import HostError, InvalidImage, Problem, UsageError
from cais.images import tarwrite
from cais.images.content import Content
from cais.images.decompress import decompressed
from cais.images.dockerform import in_dockers_form
from cais.images.documents import decode_config
from cais.images.index import Index, choose, decode_manifest
from cais.images.layer import layer_tar
from cais.images.layout import find_entry
from cais.images.limits import Limits
from cais.images.model import MEDIA_CONFIG, MEDIA_LAYER_GZIP, MEDIA_MANIFEST
from cais.images.platforms import Platform
from cais.images.tarread import TarReader
from cais.images.unpack import unpack

LIMITS = Limits(entries=200, content_bytes=1 << 20, metadata_bytes=1 << 16)
PLATFORM = Platform(os="linux", architecture="amd64")
_ROOM = "/dev/shm" if os.path.isdir("/dev/shm") else None


def read_tar(data: bytes) -> None:
    """Headers and contents are read, or the archive is refused."""
    try:
        reader = TarReader(io.BytesIO(data), LIMITS)
        for number, _ in enumerate(reader):
            if number > LIMITS.entries:
                break
            while reader.read():
                pass
    except InvalidImage:
        pass


def unpack_tar(data: bytes) -> None:
    """What is unpacked stays inside, and is a layer that can be written again."""
    place = tempfile.mkdtemp(dir=_ROOM)
    try:
        lower, folder, watched = (os.path.join(place, name) for name in ("lower", "layer", "watched"))
        for path in (lower, folder, watched):
            os.mkdir(path)
        os.mkdir(os.path.join(lower, "a"))
        os.symlink(watched, os.path.join(lower, "link"))
        try:
            unpack(io.BytesIO(data), folder, lowers=[lower], limits=LIMITS)
            for _ in layer_tar(folder, lowers=[lower]):
                pass
        except (InvalidImage, HostError):
            pass
        assert sorted(os.listdir(place)) == ["layer", "lower", "watched"]
        assert os.listdir(watched) == []
        assert sorted(os.listdir(lower)) == ["a", "link"]
        assert os.listdir(os.path.join(lower, "a")) == []
    finally:
        shutil.rmtree(place)


def read_packed(data: bytes) -> None:
    """Whatever it is packed by, pieces are no larger than asked for."""
    left = LIMITS.content_bytes
    try:
        with decompressed(io.BytesIO(data)) as content:
            while piece := content.read(4096):
                assert len(piece) <= 4096
                left -= len(piece)
                if left < 0:
                    raise InvalidImage([Problem("enough")])
    except InvalidImage:
        pass


def read_documents(data: bytes) -> None:
    """Manifests, indexes and image configs are typed values, or refused."""
    try:
        document = decode_manifest(data)
        if isinstance(document, Index):
            find_entry(document, "", "it")
            choose(document, PLATFORM)
        else:
            msgspec.json.encode(document)
            in_dockers_form(Content(data, MEDIA_MANIFEST, document.config.digest))
    except (InvalidImage, UsageError):
        pass
    with contextlib.suppress(InvalidImage):
        msgspec.json.encode(decode_config(data))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "tar": read_tar,
    "unpack": unpack_tar,
    "packed": read_packed,
    "documents": read_documents,
}


def seeds(name: str) -> list[bytes]:
    """Good input, from which bad input is made."""
    if name in {"tar", "unpack"}:
        return _tars()
    if name == "packed":
        return [gzip.compress(tar) for tar in _tars()]
    digest = "sha256:" + "0" * 64
    descriptor = {"mediaType": MEDIA_CONFIG, "digest": digest, "size": 1}
    layers = [{"mediaType": MEDIA_LAYER_GZIP, "digest": digest, "size": 2}]
    manifest = {"schemaVersion": 2, "mediaType": MEDIA_MANIFEST, "config": descriptor, "layers": layers}
    entry = {**descriptor, "platform": {"os": "linux", "architecture": "amd64"}, "annotations": {"a": "b"}}
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["a"]}, "rootfs": {"diff_ids": [digest]}}
    return [json.dumps(each).encode() for each in (manifest, {"schemaVersion": 2, "manifests": [entry]}, config)]


def _tars() -> list[bytes]:
    def file(name: bytes, data: bytes = b"text") -> bytes:
        return tarwrite.header(name, tarwrite.REGULAR, size=len(data)) + data + tarwrite.padding(len(data))

    plain = tarwrite.header(b"a/", tarwrite.FOLDER, mode=0o755) + file(b"a/b")
    links = (
        file(b"f")
        + tarwrite.header(b"h", tarwrite.HARD_LINK, link=b"f")
        + tarwrite.header(b"s", tarwrite.SYMBOLIC_LINK, link=b"../../x")
        + file(b"link/x")
        + file(b"../x")
    )
    marks = (
        file(b"a/.wh.b", b"")
        + file(b"a/.wh..wh..opq", b"")
        + file(b".wh...", b"")
        + tarwrite.header(b"p", tarwrite.FIFO)
    )
    long = file(b"l" * 150) + tarwrite.header(b"x", tarwrite.REGULAR, xattrs={"user.a": b"1"}, uid=1 << 30)
    return [each + tarwrite.END for each in (plain, links, marks, long)]
