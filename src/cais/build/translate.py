"""What the operating system refuses during a step, as errors a reader can act on."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from cais.errors import BuildError, CaisError, NoSpace, PermissionNeeded, Span


def explain(error: OSError, doing: str, span: Span) -> CaisError:
    """`error`, which came while `doing`, placed at `span`."""
    message = f"{doing}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(message, span=span, hint="free some: cais image prune removes what nothing uses")
    if error.errno in (errno.EACCES, errno.EPERM):
        return PermissionNeeded(message, span=span, hint="run as root, or as the owner of the files")
    return BuildError(message, span=span)


@contextlib.contextmanager
def at_step(span: Span, what: str) -> Iterator[None]:
    """Within the block an OSError becomes a CaisError that names the step."""
    try:
        yield
    except OSError as error:
        doing = f'{what} failed at "{error.filename}"' if error.filename else f"{what} failed"
        raise explain(error, doing, span) from error
