"""`--chown` and the owner of a WORKDIR, by the root's own users and groups (Dockerfile reference, COPY --chown)."""

from __future__ import annotations

from cais.build.place import Owner
from cais.errors import BuildError, CaisError, Span
from cais.linux.users import identify_in


def owner_of(root: str, text: str, span: Span) -> Owner | None:
    """Who `user[:group]` is in `root`; None for "". A number without a group is its own group. Raises BuildError."""
    if not text:
        return None
    user, _, group = text.partition(":")
    if user.isascii() and user.isdecimal() and not group:
        return Owner(int(user), int(user))
    try:
        identity = identify_in(root, text)
    except CaisError as error:
        raise BuildError(error.message, span=span, hint=error.hint) from error
    return Owner(identity.uid, identity.gid)
