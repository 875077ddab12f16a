"""Which fields of which instructions have their variables replaced, and how (Dockerfile reference, "Environment replacement").

RUN, CMD, ENTRYPOINT, SHELL, HEALTHCHECK and ONBUILD are left alone (the shell in the container expands them, or the trigger's own
run does); of RUN only the mounts are expanded.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from cais.dockerfile.expand import Lookup, Reading, expand, expand_text, expand_words
from cais.dockerfile.instructions import (
    Add,
    Arg,
    Copy,
    Env,
    Expose,
    From,
    Heredoc,
    Instruction,
    Label,
    Run,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from cais.errors import Span

_AS_WORD = Reading()

AnyInstruction = TypeVar("AnyInstruction", bound=Instruction)


class How(enum.Enum):
    """What a field holds, and so how it is expanded."""

    WORD = "one word"
    LIST = "words, each on its own"
    SPLIT = "words that may become several"
    PAIRS = "names and values"
    MOUNTS = "lists of names and values, of which the values"
    HEREDOCS = "texts, unless their delimiter was quoted"


_TRANSFER = {
    "sources": How.LIST,
    "destination": How.WORD,
    "heredocs": How.HEREDOCS,
    "chown": How.WORD,
    "chmod": How.WORD,
    "exclude": How.LIST,
}

EXPANDED_FIELDS: Mapping[type[Instruction], Mapping[str, How]] = {
    From: {"image": How.WORD, "platform": How.WORD},
    Arg: {"arguments": How.PAIRS},
    Env: {"variables": How.PAIRS},
    Label: {"labels": How.PAIRS},
    Run: {"mounts": How.MOUNTS},
    Copy: _TRANSFER,
    Add: {**_TRANSFER, "checksum": How.WORD},
    Workdir: {"path": How.WORD},
    User: {"user": How.WORD},
    Expose: {"ports": How.SPLIT},
    Volume: {"paths": How.LIST},
    StopSignal: {"signal": How.WORD},
}


def expand_instruction(instruction: AnyInstruction, lookup: Lookup, *, escape: str = "\\") -> AnyInstruction:
    """`instruction` with its variables replaced; itself when its kind has no fields to expand.

    All words see the same variables: `ENV A=1 B=$A` gives B what A was before. For FROM, `lookup` knows the global arguments only.
    Raises InvalidDockerfile, placed at the instruction.
    """
    fields = EXPANDED_FIELDS.get(type(instruction))
    if fields is None:
        return instruction
    expander = _Expander(lookup, escape, instruction.span)
    changes = {name: expander.field(how, getattr(instruction, name)) for name, how in fields.items()}
    return msgspec.structs.replace(instruction, **changes)


class _Expander:
    __slots__ = ("_escape", "_lookup", "_span")

    def __init__(self, lookup: Lookup, escape: str, span: Span) -> None:
        self._lookup = lookup
        self._escape = escape
        self._span = span

    def field(self, how: How, value: Any) -> object:  # noqa: ANN401 - the table says what it is, the tests hold the table
        match how:
            case How.WORD:
                return self._word(value)
            case How.LIST:
                return tuple(self._word(word) for word in value)
            case How.SPLIT:
                return tuple(part for word in value for part in self._words(word))
            case How.PAIRS:
                return tuple((self._word(name), self._optional(text)) for name, text in value)
            case How.MOUNTS:
                return tuple(tuple((name, self._word(text)) for name, text in mount) for mount in value)
            case How.HEREDOCS:
                return tuple(self._heredoc(each) for each in value)

    def _word(self, word: str) -> str:
        return expand(word, self._lookup, escape=self._escape, span=self._span)

    def _words(self, word: str) -> tuple[str, ...]:
        return expand_words(word, self._lookup, escape=self._escape, span=self._span)

    def _optional(self, word: str | None) -> str | None:
        return None if word is None else self._word(word)

    def _heredoc(self, heredoc: Heredoc) -> Heredoc:
        if not heredoc.expand:
            return heredoc
        return msgspec.structs.replace(heredoc, content=expand_text(heredoc.content, self._lookup, span=self._span))


def expanded_words(instruction: Instruction) -> Iterator[tuple[str, Reading]]:
    """Every word of `instruction` in which variables are replaced, and how it is read."""
    for name, how in EXPANDED_FIELDS.get(type(instruction), {}).items():
        value = getattr(instruction, name)
        match how:
            case How.WORD:
                yield value, _AS_WORD
            case How.LIST | How.SPLIT:
                yield from ((word, _AS_WORD) for word in value)
            case How.PAIRS:
                yield from ((word or "", _AS_WORD) for pair in value for word in pair)
            case How.MOUNTS:
                yield from ((text, _AS_WORD) for mount in value for _, text in mount)
            case How.HEREDOCS:
                yield from ((each.content, Reading(quotes=False)) for each in value if each.expand)
