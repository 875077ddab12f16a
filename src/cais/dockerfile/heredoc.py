"""Here-document markers (`<<EOF`, `<<-EOF`, `<<"EOF"`, `3<<EOF`) in a line (Dockerfile reference, "Here-Documents")."""

from __future__ import annotations

import re

from cais.dockerfile.expand import Reading, expand_words
from cais.dockerfile.instructions import Heredoc
from cais.errors import InvalidDockerfile

_MARKER = re.compile(r"([0-9]{0,9})<<(-?)([^<]+)")
_AS_WRITTEN = Reading(keep_quotes=True, keep_escapes=True, keep_unset=True)
_RESOLVED = Reading(keep_unset=True)


def marker(word: str) -> Heredoc | None:
    """The here-document that `word` announces, without its content; None when it announces none.

    The word must be the marker and nothing else (`cat<<EOF` is none: BuildKit wants the blank).
    """
    match = _MARKER.fullmatch(word)
    if match is None:
        return None
    descriptor, dash, delimiter = match.groups()
    resolved = _words(delimiter, _RESOLVED)
    written = _words(delimiter, _AS_WRITTEN)
    if len(resolved) != 1 or not written:
        return None
    return Heredoc(
        name=resolved[0],
        content="",
        expand=resolved[0] == written[0],
        chomp=bool(dash),
        file_descriptor=int(descriptor or "0"),
    )


def markers(line: str) -> tuple[Heredoc, ...]:
    """The here-documents a line announces, in order. None in a line whose quotes do not close, as with BuildKit."""
    found = (marker(word) for word in _words(line, _AS_WRITTEN))
    return tuple(heredoc for heredoc in found if heredoc is not None)


def chomped(content: str) -> str:
    """`content` without the tabs that begin its lines: what `<<-` means."""
    return re.sub(r"(?m)^\t+", "", content)


def _words(text: str, reading: Reading) -> tuple[str, ...]:
    try:
        return expand_words(text, lambda _: None, reading=reading)
    except InvalidDockerfile:
        return ()  # a line that is no list of words has no markers; whoever reads it for its words reports it
