"""An OCI image layout as somewhere to copy images to: a folder that other tools read, or a tar file that `docker load` takes too."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from cais import durable
from cais.digest import Digest, VerifiedReader
from cais.errors import Conflict, NoSpace, NotFoundError
from cais.images import tarwrite
from cais.images.blobs import INDEX_FILE, LAYOUT_CONTENT, LAYOUT_FILE
from cais.images.content import Content, ContentSource, ContentTarget, OnBytes
from cais.images.dockerarchive import DOCKER_FILE, DockerImage
from cais.images.documents import decode
from cais.images.index import NAME_ANNOTATION, TAG_ANNOTATION, Index, IndexEntry, decode_manifest
from cais.images.layout import as_reference, blob_name, name_annotations
from cais.images.model import Descriptor, Manifest

_READ_BYTES = 1 << 18


class FolderTarget:
    """The layout in a folder, which is made if it is not there. The image is called `name` in it, in place of one that was."""

    transfers = 3

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._name = name

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the folder has a blob."""
        return os.path.exists(os.path.join(self._folder, blob_name(descriptor.digest)))

    def put(self, descriptor: Descriptor, source: ContentSource, on_bytes: OnBytes) -> str:
        """Write a blob, verified while it comes."""
        path = os.path.join(self._folder, blob_name(descriptor.digest))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with source.open(descriptor) as opened, durable.appearing(path, mode=0o644) as sink:
            reader = VerifiedReader(opened.stream, descriptor.digest, descriptor.size)  # type: ignore[arg-type]  # it only reads
            _pour(reader, sink, on_bytes)
            os.fsync(sink.fileno())
        return "Copied"

    def put_manifest(self, content: Content, *, is_root: bool) -> Content:
        """Write a manifest; the root is named in index.json."""
        path = os.path.join(self._folder, blob_name(content.digest))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        durable.write(path, content.data)
        if is_root:
            self._name_it(content)
        return content

    def _name_it(self, content: Content) -> None:
        with _locked_folder(self._folder):
            durable.write(os.path.join(self._folder, LAYOUT_FILE), LAYOUT_CONTENT)
            path = os.path.join(self._folder, INDEX_FILE)
            entry = _entry(content, self._name)
            kept = [each for each in self._entries(path) if not _stands_for_the_same(each, entry)]
            durable.write(path, msgspec.json.encode(Index(manifests=(*kept, entry))))

    def _entries(self, path: str) -> tuple[IndexEntry, ...]:
        try:
            with open(path, "rb") as stream:
                return decode(stream.read(), Index, f"index.json of {self._folder}").manifests
        except FileNotFoundError:
            return ()


class TarTarget:
    """The layout in a tar file that is written in one go: blobs as they come, the documents that name them at the end (`finish`)."""

    transfers = 1

    def __init__(self, sink: BinaryIO, name: str) -> None:
        self._sink = sink
        self._name = name
        self._written: set[Digest] = set()
        self._root: Content | None = None

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob has been written."""
        return descriptor.digest in self._written

    def put(self, descriptor: Descriptor, source: ContentSource, on_bytes: OnBytes) -> str:
        """Write a blob, verified while it comes."""
        with source.open(descriptor) as opened:
            reader = VerifiedReader(opened.stream, descriptor.digest, descriptor.size)  # type: ignore[arg-type]  # it only reads
            name = blob_name(descriptor.digest).encode()
            self._sink.write(tarwrite.header(name, tarwrite.REGULAR, size=descriptor.size))
            _pour(reader, self._sink, on_bytes)
        self._sink.write(tarwrite.padding(descriptor.size))
        self._written.add(descriptor.digest)
        return "Copied"

    def put_manifest(self, content: Content, *, is_root: bool) -> Content:
        """Write a manifest."""
        if content.digest not in self._written:
            self._sink.write(tarwrite.file(blob_name(content.digest), content.data))
            self._written.add(content.digest)
        if is_root:
            self._root = content
        return content

    def finish(self) -> None:
        """Write what names the image."""
        root = self._root
        assert root is not None
        self._sink.write(tarwrite.file(INDEX_FILE, msgspec.json.encode(Index(manifests=(_entry(root, self._name),)))))
        document = decode_manifest(root.data)
        if isinstance(document, Manifest):  # Docker's file knows single images only
            self._sink.write(tarwrite.file(DOCKER_FILE, msgspec.json.encode([self._docker_image(document)])))
        self._sink.write(tarwrite.file(LAYOUT_FILE, LAYOUT_CONTENT))
        self._sink.write(tarwrite.END)

    def _docker_image(self, manifest: Manifest) -> DockerImage:
        reference = as_reference(self._name)
        return DockerImage(
            config=blob_name(manifest.config.digest),
            layers=tuple(blob_name(layer.digest) for layer in manifest.layers),
            repo_tags=(reference.familiar,) if reference is not None and reference.tag else (),
        )


@contextlib.contextmanager
def open_folder_target(path: str, name: str) -> Iterator[ContentTarget]:
    """A folder to copy to. Raises Conflict for one that holds something else."""
    if os.path.isdir(path) and os.listdir(path) and not os.path.exists(os.path.join(path, INDEX_FILE)):
        raise Conflict(f'folder "{path}" holds something else', hint="give an OCI image layout, or a folder to be made")
    os.makedirs(path, exist_ok=True)
    yield FolderTarget(path, name)


@contextlib.contextmanager
def open_tar_target(path: str, name: str) -> Iterator[ContentTarget]:
    """A tar file to copy to, which appears when it is complete. Raises NotFoundError for a folder that is not there."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise NotFoundError(f'folder "{folder}" does not exist', hint=f"mkdir -p {folder}")
    with durable.appearing(path, mode=0o600) as sink:
        target = TarTarget(sink, name)
        yield target
        target.finish()


def _entry(content: Content, name: str) -> IndexEntry:
    return IndexEntry(
        media_type=content.media_type,
        digest=content.digest,
        size=len(content.data),
        annotations=name_annotations(name) or None,
    )


def _stands_for_the_same(old: IndexEntry, new: IndexEntry) -> bool:
    """Whether an entry gives way: it has the same name, or is the same image without one."""
    before, now = old.annotations or {}, new.annotations or {}
    names = (NAME_ANNOTATION, TAG_ANNOTATION)
    if now:
        return all(before.get(key) == now.get(key) for key in names)
    return old.digest == new.digest and not any(before.get(key) for key in names)


def _pour(reader: VerifiedReader, sink: BinaryIO, on_bytes: OnBytes) -> None:
    done = 0
    try:
        while piece := reader.read(_READ_BYTES):
            sink.write(piece)
            done += len(piece)
            on_bytes(done)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace("no space left for an image layer", hint="free some, or write it elsewhere") from error
        raise


@contextlib.contextmanager
def _locked_folder(path: str) -> Iterator[None]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
