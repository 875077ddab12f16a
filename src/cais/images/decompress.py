"""A possibly compressed stream to its content: gzip, zstd, xz, bzip2 or none, told apart by the first bytes."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

from cais.errors import InvalidImage, Problem
from cais.images.tarread import ByteSource

_READ_BYTES = 1 << 18
_MAGIC_BYTES = 6
ZSTD_HINT = "apt-get install zstd"


@contextlib.contextmanager
def decompressed(stream: ByteSource) -> Iterator[ByteSource]:
    """What is in `stream`. When the block ends well, the rest of `stream` is read, so that whoever verifies it sees its end.

    Raises InvalidImage for broken data, MissingTool when `zstd` is needed and not installed.
    """
    begun = _Begun(stream)
    magic = begun.peek(_MAGIC_BYTES)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        with _zstd(begun) as content:
            yield content
            drain(content)
        return
    content = _reader(magic, begun)
    yield content
    drain(content)
    drain(begun)


def drain(stream: ByteSource) -> None:
    """Read `stream` to its end."""
    while stream.read(_READ_BYTES):
        pass


class _Begun:
    """A stream whose first bytes have been looked at."""

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self._head = b""

    def peek(self, count: int) -> bytes:
        while len(self._head) < count and (piece := self._stream.read(count - len(self._head))):
            self._head += piece
        return self._head

    def read(self, count: int) -> bytes:
        if self._head:
            head, self._head = self._head[:count], self._head[count:]
            return head
        return self._stream.read(count)


def _reader(magic: bytes, stream: ByteSource) -> ByteSource:
    if magic.startswith(b"\x1f\x8b"):
        return _Inflater(stream)
    if magic.startswith(b"\xfd7zXZ"):
        import lzma

        return _Decompressor(stream, lzma.LZMADecompressor, lzma.LZMAError, "xz")
    if magic.startswith(b"BZh"):
        import bz2

        return _Decompressor(stream, bz2.BZ2Decompressor, OSError, "bzip2")
    return stream


class _Inflater:
    """gzip, with any number of members; what one call gives is bounded, whatever the ratio."""

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._begun = False

    def read(self, count: int) -> bytes:
        try:
            return self._read(count)
        except zlib.error as error:
            raise InvalidImage([Problem(f"the gzip data is broken: {error}")]) from error

    def _read(self, count: int) -> bytes:
        while True:
            if self._inflate.eof:
                self._pending = self._inflate.unused_data
                self._inflate, self._begun = zlib.decompressobj(wbits=31), False
            if not self._pending:
                self._pending = self._stream.read(_READ_BYTES)
            if not self._pending:
                if self._begun:
                    raise InvalidImage([Problem("the gzip data is broken: it ends early")])
                return b""
            self._begun = True
            piece = self._inflate.decompress(self._pending, count)
            self._pending = self._inflate.unconsumed_tail
            if piece:
                return piece


class _Decompressor:
    """xz or bzip2 by the standard library's incremental decompressors, which share an interface."""

    def __init__(self, stream: ByteSource, make: Any, failure: type[Exception], name: str) -> None:  # noqa: ANN401  (no common type)
        self._stream = stream
        self._make = make
        self._failure = failure
        self._name = name
        self._inner = make()

    def read(self, count: int) -> bytes:
        try:
            return self._read(count)
        except (self._failure, EOFError) as error:
            raise InvalidImage([Problem(f"the {self._name} data is broken: {error}")]) from error

    def _read(self, count: int) -> bytes:
        data = b""
        while True:
            if self._inner.eof:
                data = self._inner.unused_data or self._stream.read(_READ_BYTES)
                if not data:
                    return b""
                self._inner = self._make()
            elif self._inner.needs_input:
                data = self._stream.read(_READ_BYTES)
                if not data:
                    raise self._failure("it ends early")
            piece: bytes = self._inner.decompress(data, count)
            if piece:
                return piece
            data = b""


@contextlib.contextmanager
def _zstd(stream: ByteSource) -> Iterator[ByteSource]:
    """Through the `zstd` program: Python 3.11 has no zstd. Its default memory bound (128 MiB) is what guards against huge windows."""
    import os
    import threading

    from cais import proc

    read_end, write_end = os.pipe()
    try:
        process = proc.start(
            proc.Command(argv=("zstd", "-dcq"), install_hint=ZSTD_HINT), stdin=read_end, stdout=-1, stderr=-3
        )
    except BaseException:
        os.close(write_end)
        raise
    finally:
        os.close(read_end)
    feeder = _Feeder(stream, write_end)
    thread = threading.Thread(target=feeder.run, name="zstd-feeder")
    thread.start()
    ended_well = False
    try:
        assert process.stdout is not None
        yield process.stdout
        ended_well = True
    finally:
        assert process.stdout is not None
        process.stdout.close()
        if not ended_well:
            process.kill()
        process.wait()
        thread.join()
    if feeder.error is not None:
        raise feeder.error
    if process.returncode != 0:
        raise InvalidImage([Problem("the zstd data is broken")])


class _Feeder:
    """Copies a stream into a program's standard input, and keeps what went wrong for the thread that reads its output."""

    def __init__(self, stream: ByteSource, fd: int) -> None:
        self._stream = stream
        self._fd = fd
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with open(self._fd, "wb", buffering=0) as sink:
                while piece := self._stream.read(_READ_BYTES):
                    sink.write(piece)
        except BrokenPipeError:
            pass  # the program ended first: its exit code tells
        except Exception as error:  # noqa: BLE001  (raised again in the reading thread)
            self.error = error
