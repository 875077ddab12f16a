"""The patterns of `${V#p}`, `${V%p}` and `${V/p/r}`: `*` and `?`, no brackets (POSIX shell, section 2.13, as BuildKit reads it)."""

from __future__ import annotations

import enum
import re

import msgspec


class Wildcard(enum.Enum):
    """What stands for more than itself."""

    ANY = "?"
    STAR = "*"


class PatternError(ValueError):
    """The pattern escapes a character that needs none."""


class ShellPattern(msgspec.Struct, frozen=True):
    """A pattern as stretches between stars: each is matched in turn, the stars take up what lies between."""

    stretches: tuple[tuple[str | Wildcard, ...], ...]

    def find(self, value: str, *, longest: bool, anchored: bool) -> re.Match[str] | None:
        """Where the pattern first matches in `value`; with `anchored` at its start only."""
        compiled = re.compile(self._regex(longest=longest))
        return compiled.match(value) if anchored else compiled.search(value)

    def replace_all(self, value: str, replacement: str) -> str:
        """`value` with every longest match replaced; `replacement` is taken literally."""
        return re.sub(self._regex(longest=True), lambda _: replacement, value)

    def reversed(self) -> ShellPattern:
        """The pattern that matches reversed text."""
        return ShellPattern(tuple(tuple(reversed(stretch)) for stretch in reversed(self.stretches)))

    def _regex(self, *, longest: bool) -> str:
        # Every star but the last may settle for the nearest place without losing a match, so the groups are atomic:
        # matching stays linear in the value even for hostile patterns.
        parts = [_stretch(self.stretches[0])]
        last = len(self.stretches) - 1
        for index, stretch in enumerate(self.stretches[1:], 1):
            star = ".*" if longest and index == last else ".*?"
            parts.append(f"(?>{star}{_stretch(stretch)})")
        return "".join(parts)


def parse(text: str) -> ShellPattern:
    """Read a pattern. Raises PatternError for a backslash before anything but `*`, `?`, `\\`, `}` and `/`."""
    stretches: list[list[str | Wildcard]] = [[]]
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "*":
            stretches.append([])
        elif character == "?":
            stretches[-1].append(Wildcard.ANY)
        elif character == "\\":
            following = text[position : position + 1]
            if following not in ("*", "?", "\\", "}", "/"):
                raise PatternError(f'"\\{following}" is no escape a pattern knows')
            stretches[-1].append(following)
            position += 1
        else:
            stretches[-1].append(character)
    return ShellPattern(tuple(tuple(stretch) for stretch in stretches))


def trim_prefix(pattern: str, value: str, *, longest: bool) -> str:
    """`value` without the shortest or longest start that matches."""
    found = parse(pattern).find(value, longest=longest, anchored=True)
    return value[found.end() :] if found else value


def trim_suffix(pattern: str, value: str, *, longest: bool) -> str:
    """`value` without the shortest or longest end that matches."""
    found = parse(pattern).reversed().find(value[::-1], longest=longest, anchored=True)
    return value[: len(value) - found.end()] if found else value


def substitute(pattern: str, replacement: str, value: str, *, everywhere: bool) -> str:
    """`value` with the first or every longest match replaced."""
    parsed = parse(pattern)
    if everywhere:
        return parsed.replace_all(value, replacement)
    found = parsed.find(value, longest=True, anchored=False)
    return value[: found.start()] + replacement + value[found.end() :] if found else value


def _stretch(stretch: tuple[str | Wildcard, ...]) -> str:
    return "".join("." if isinstance(part, Wildcard) else re.escape(part) for part in stretch)
