"""An OCI image layout, in a folder or in a tar file, or an archive of `docker save`, as somewhere to copy an image from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

import msgspec

from cais.digest import Digest, VerifiedReader, digest_bytes, digest_file, parse_digest
from cais.errors import InvalidImage, NotFoundError, Problem
from cais.images.archivefile import ArchiveFile, open_archive
from cais.images.blobs import INDEX_FILE
from cais.images.content import Content, ContentSource, Opened, skip
from cais.images.dockerarchive import DOCKER_FILE, DockerImage, find_image, media_type_of
from cais.images.documents import decode
from cais.images.index import Index
from cais.images.layout import blob_name, find_entry
from cais.images.limits import DEFAULT_LIMITS
from cais.images.model import MEDIA_CONFIG, MEDIA_MANIFEST, Descriptor, Manifest
from cais.images.tarread import ByteSource

_READ_BYTES = 1 << 18


class Files(Protocol):
    """The files of a layout, by names that may be hostile."""

    def open(self, name: str) -> contextlib.AbstractContextManager[ByteSource]:
        """A file's content. Raises InvalidImage when there is none."""


class FolderFiles:
    """Files in a folder. Names are made by us alone (from parsed digests), so they lead nowhere else; links are not followed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[ByteSource]:
        """A file's content."""
        try:
            fd = os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise InvalidImage([Problem(f'"{self._folder}" speaks of "{name}" but does not contain it')]) from None
        except OSError as error:
            raise InvalidImage([Problem(f'"{name}" in "{self._folder}" cannot be read: {error.strerror}')]) from error
        with os.fdopen(fd, "rb") as stream:
            yield stream


class LayoutSource:
    """One image of a layout."""

    def __init__(self, files: Files, where: str, name: str, transfers: int) -> None:
        self.transfers = transfers
        self._files = files
        index = decode(_read(files, INDEX_FILE), Index, f"index.json of {where}")
        self._entry = find_entry(index, name, where)

    def root(self) -> Content:
        """The manifest or index."""
        data = _read(self._files, blob_name(parse_digest(self._entry.digest)), self._entry.digest)
        return Content(data, self._entry.media_type or _said_type(data), self._entry.digest)

    def manifest(self, digest: Digest) -> Content:
        """A manifest or index that another names."""
        data = _read(self._files, blob_name(parse_digest(digest)), digest)
        return Content(data, _said_type(data), digest)

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, verified."""
        return _read(self._files, blob_name(parse_digest(descriptor.digest)), descriptor.digest)

    @contextlib.contextmanager
    def open(self, descriptor: Descriptor, offset: int = 0) -> Iterator[Opened]:
        """A blob."""
        with self._files.open(blob_name(parse_digest(descriptor.digest))) as stream:
            yield Opened(stream, skip(stream, offset))


class DockerArchiveSource:
    """One image of an archive that `docker save` wrote before it knew OCI: a manifest is made of what it says."""

    transfers = 1

    def __init__(self, archive: ArchiveFile, where: str, name: str) -> None:
        self._archive = archive
        images = decode(archive.read(DOCKER_FILE), tuple[DockerImage, ...], "manifest.json of the archive")
        self._image = find_image(images, name, where)
        self._names: dict[str, str] = {}

    def root(self) -> Content:
        """A manifest; every layer is read once for it."""
        config = self._archive.read(self._image.config)
        layers = tuple(self._layer(name) for name in self._image.layers)
        manifest = Manifest(
            config=Descriptor(media_type=MEDIA_CONFIG, digest=digest_bytes(config), size=len(config)), layers=layers
        )
        self._names[manifest.config.digest] = self._image.config
        data = msgspec.json.encode(manifest)
        return Content(data, MEDIA_MANIFEST, digest_bytes(data))

    def manifest(self, digest: Digest) -> Content:
        """There is none but the root."""
        raise NotFoundError(f'manifest "{digest}" is not in the archive')

    def document(self, descriptor: Descriptor) -> bytes:
        """The image config."""
        return self._archive.read(self._image.config, digest=descriptor.digest)

    @contextlib.contextmanager
    def open(self, descriptor: Descriptor, offset: int = 0) -> Iterator[Opened]:
        """A layer."""
        with self._archive.open(self._names[descriptor.digest]) as stream:
            yield Opened(stream, skip(stream, offset))

    def _layer(self, name: str) -> Descriptor:
        with self._archive.open(name) as stream:
            digest, size = digest_file(stream)  # type: ignore[arg-type]  # it only reads
        self._names[digest] = name
        return Descriptor(media_type=media_type_of(self._archive, name), digest=digest, size=size)


@contextlib.contextmanager
def open_folder(path: str, name: str) -> Iterator[ContentSource]:
    """The image called `name` ("" for the only one) of the OCI layout in a folder. Raises NotFoundError, InvalidImage, UsageError."""
    if not os.path.isdir(path):
        raise NotFoundError(f'folder "{path}" does not exist')
    yield LayoutSource(FolderFiles(path), path, name, 3)


@contextlib.contextmanager
def open_tar(path: str, name: str, scratch: str) -> Iterator[ContentSource]:
    """The same of an archive, unpacked into `scratch` first if it is compressed."""
    with open_archive(path, scratch, None) as archive:
        if archive.has(INDEX_FILE):
            yield LayoutSource(archive, path, name, 1)
        elif archive.has(DOCKER_FILE):
            yield DockerArchiveSource(archive, path, name)
        else:
            raise InvalidImage(
                [Problem(f'"{path}" is not an image archive: it has neither manifest.json nor index.json')]
            )


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""


def _said_type(data: bytes) -> str:
    return decode(data, _Kind, "image manifest").media_type or MEDIA_MANIFEST


def _read(files: Files, name: str, digest: Digest | None = None) -> bytes:
    """A small document, verified if its digest is known."""
    limit = DEFAULT_LIMITS.metadata_bytes
    pieces = []
    with files.open(name) as stream:
        reader = VerifiedReader(stream, digest, None) if digest else stream  # type: ignore[arg-type]  # it only reads
        while piece := reader.read(_READ_BYTES):
            pieces.append(piece)
            limit -= len(piece)
            if limit < 0:
                raise InvalidImage([Problem(f'"{name}" is too large for a document')])
    return b"".join(pieces)
