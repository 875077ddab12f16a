"""`--chmod`: octal, or chmod(1)'s symbolic form."""

from __future__ import annotations

import re
import stat

from cais.errors import InvalidDockerfile, Problem, Span

_CLAUSE = re.compile(r"([ugoa]*)((?:[+=-](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([+=-])([rwxXstugo]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
_MAX_OCTAL = 0o7777


def check_mode(text: str, span: Span) -> None:
    """Raise InvalidDockerfile when `text` is neither an octal mode nor a symbolic one."""
    octal = re.fullmatch(r"[0-7]{1,5}", text) is not None and int(text, 8) <= _MAX_OCTAL
    if not octal and not all(_CLAUSE.fullmatch(clause) for clause in text.split(",")):
        raise InvalidDockerfile(
            [
                Problem(
                    f'--chmod cannot be "{text}"',
                    span,
                    "write an octal mode such as 0755, or a symbolic one such as u=rwX,go=rX",
                )
            ]
        )


def apply_mode(text: str, mode: int) -> int:
    """The permission bits of a file of `mode` (with its type bits) after `--chmod=text`, which was checked."""
    if text[0].isdigit():
        return int(text, 8)
    bits = stat.S_IMODE(mode)
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        assert match is not None
        who = match[1].replace("a", "ugo") or "ugo"
        for operator, letters in _ACTION.findall(match[2]):
            bits = _act(bits, who, operator, letters, is_folder=stat.S_ISDIR(mode))
    return bits


def _act(bits: int, who: str, operator: str, letters: str, *, is_folder: bool) -> int:
    value = special = affected = 0
    for letter in letters:
        if letter == "X":
            value |= 1 if is_folder or bits & 0o111 else 0
        elif letter in _SHIFTS:
            value |= bits >> _SHIFTS[letter] & 7
        elif letter == "s":
            special |= (stat.S_ISUID if "u" in who else 0) | (stat.S_ISGID if "g" in who else 0)
        elif letter == "t":
            special |= stat.S_ISVTX
        else:
            value |= _BITS[letter]
    wanted = special
    for person in set(who):
        wanted |= value << _SHIFTS[person]
        affected |= 7 << _SHIFTS[person]
    if operator == "+":
        return bits | wanted
    if operator == "-":
        return bits & ~wanted
    affected |= (stat.S_ISUID if "u" in who else 0) | (stat.S_ISGID if "g" in who else 0)
    return bits & ~affected | wanted
