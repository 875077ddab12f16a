"""What a rule is, what it looks at and what it finds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

import msgspec

from cais.dockerfile import words
from cais.dockerfile.ignorefile import IgnoreMatcher
from cais.dockerfile.instructions import Arg, Dockerfile, From, Instruction, Stage
from cais.dockerfile.lexer import Statement
from cais.errors import Span


class Finding(msgspec.Struct, frozen=True):
    """One place a rule objects to, and the remedy."""

    rule: str
    message: str
    span: Span
    hint: str


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One Dockerfile as text and as parse.

    `ignore` is the context's ignore file (None: not known). `base_variables` gives the names an image's config sets, None for an
    image that is not at hand.
    """

    dockerfile: Dockerfile
    statements: tuple[Statement, ...]
    ignore: IgnoreMatcher | None = None
    base_variables: Callable[[str], frozenset[str] | None] = lambda _: None

    def statement(self, instruction: Instruction) -> Statement:
        """The statement an instruction was read from."""
        line = instruction.span.line
        return self.statements[bisect_right(self.statements, line, key=lambda each: each.pieces[0].line) - 1]

    def arguments(self, instruction: Instruction) -> tuple[words.Token, ...]:
        """The words after the flags, as written."""
        return words.blank_separated(words.split(self.statement(instruction).text).arguments)

    def ancestry(self, stage: Stage) -> tuple[Stage, ...]:
        """The stage and the stages it is built on, itself first."""
        chain = [stage]
        while (parent := self._parent(chain[-1])) is not None:
            chain.append(parent)
        return tuple(chain)

    def all_instructions(self) -> Iterator[Instruction]:
        """Every instruction of the file in order."""
        yield from self.dockerfile.global_arguments
        for stage in self.dockerfile.stages:
            yield stage.base
            yield from stage.instructions

    def bases(self) -> Iterator[tuple[From, tuple[Arg, ...]]]:
        """Every FROM, with the global arguments."""
        for stage in self.dockerfile.stages:
            yield stage.base, self.dockerfile.global_arguments

    def _parent(self, stage: Stage) -> Stage | None:
        earlier = self.dockerfile.stages[: stage.index]
        name = stage.base.image.lower()
        return next((each for each in reversed(earlier) if each.name and each.name == name), None)


class Remark(msgspec.Struct, frozen=True):
    """A finding before its rule is known."""

    message: str
    span: Span
    hint: str


class Rule(msgspec.Struct, frozen=True):
    """One row. `experimental` rules run only when the `check` directive or the caller asks for them."""

    name: str
    description: str
    check: Callable[[Subject], Iterator[Remark]]
    experimental: bool = False
