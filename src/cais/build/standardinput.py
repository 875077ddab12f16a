"""`-` in place of a context or a Dockerfile: what comes on standard input (docker build reference, "Build with -")."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from cais import durable
from cais.errors import UsageError

DASH = "-"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The context ("" for none), and the Dockerfile's text where that came on standard input."""

    context: str
    dockerfile_text: str | None = None


@contextlib.contextmanager
def taken_in(context: str, dockerfile: str | None, folder: str, stdin: BinaryIO) -> Iterator[Taken]:
    """What `context` and `dockerfile` of a command line stand for. An archive is kept in `folder` for the time of the block.

    Raises UsageError.
    """
    if context == DASH and dockerfile == DASH:
        raise UsageError("context and Dockerfile cannot both come on standard input", hint="name one of them")
    if dockerfile == DASH:
        yield Taken(context=_located(context), dockerfile_text=stdin.read().decode(errors="surrogateescape"))
    elif context == DASH:
        yield from _of_context(folder, stdin)
    else:
        yield Taken(context=_located(context))


def _located(context: str) -> str:
    return os.path.abspath(context) if os.path.exists(context) else context


def _of_context(folder: str, stdin: BinaryIO) -> Iterator[Taken]:
    """An archive with a Dockerfile in it, or a Dockerfile and no files."""
    incoming = os.path.join(folder, "incoming")
    os.makedirs(incoming, mode=0o700, exist_ok=True)
    path = durable.temporary_name(incoming)
    with open(path, "xb") as stream:
        # What nobody holds any more, a prune removes.
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            shutil.copyfileobj(stdin, stream)
            stream.flush()
            yield Taken(context=path)
        finally:
            os.unlink(path)
