"""The patterns of ignore files and of `--exclude`: `*`, `?`, `[...]`, `**` and `\\` (Go's filepath.Match, and moby's `**`)."""

from __future__ import annotations

import re

_STARS = "**"
_STAR = "*"
_ONE = "[^/]"


def regex(pattern: str) -> str:
    """A regular expression that matches whole paths (with re.DOTALL). Raises ValueError with what is wrong.

    It matches the path itself; that a folder's match counts for all in it is for the caller to apply.
    """
    tokens = _tokens(pattern)
    if tokens[:1] == [_STARS] and tokens[1:] and all(_is_literal(token) for token in tokens[1:]):
        # moby's short cut for literals: `**x` matches every path that ends in x, `**/x` only those named x
        start = "(?:.*/)?" if pattern.startswith("**/") else ".*"
        return start + "".join(tokens[1:]) + r"\Z"
    return "".join(_part(tokens, index) for index in range(len(tokens))) + r"\Z"


def _part(tokens: list[str], index: int) -> str:
    token = tokens[index]
    if token == _STARS:
        return ".*" if index == len(tokens) - 1 else "(?:.*/)?"
    if token == _STAR:
        return "(?>[^/]*?" if _next_star(tokens, index) else "[^/]*"
    closing = ")" if index + 1 < len(tokens) and tokens[index + 1] == _STAR and _last_star(tokens, index) else ""
    return token + closing


def _next_star(tokens: list[str], index: int) -> bool:
    """Whether another star follows in the same part of the path.

    A star may then settle for the nearest place, and its group is atomic: matching takes no exponential time.
    """
    return next((token for token in tokens[index + 1 :] if token in (_STAR, _STARS, "/")), "") == _STAR


def _last_star(tokens: list[str], index: int) -> bool:
    """Whether a star came before in the same part of the path."""
    return next((token for token in reversed(tokens[: index + 1]) if token in (_STAR, _STARS, "/")), "") == _STAR


def _is_literal(token: str) -> bool:
    return token not in (_STAR, _STARS, _ONE) and not token.startswith(("[", "(?:"))


def _tokens(pattern: str) -> list[str]:
    """Stars, and regular expressions for one character each. `**` takes the slash behind it along."""
    tokens: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if pattern.startswith(_STARS, position):
            position += 3 if pattern.startswith("/", position + 2) else 2
            if tokens[-1:] != [_STARS]:
                tokens.append(_STARS)
            continue
        position += 1
        if character == "*":
            tokens.append(_STAR)
        elif character == "?":
            tokens.append(_ONE)
        elif character == "[":
            token, position = _class(pattern, position)
            tokens.append(token)
        elif character == "\\":
            if position == len(pattern):
                raise ValueError("it ends in a backslash")
            tokens.append(f"(?:{re.escape(pattern[position])})")
            position += 1
        else:
            tokens.append(re.escape(character))
    return tokens


def _class(pattern: str, position: int) -> tuple[str, int]:
    """The class that begins at `position` (behind the bracket), and where it ends."""
    negated = pattern.startswith("^", position)
    position += negated
    items: list[str] = []
    while not pattern.startswith("]", position):
        low, position = _class_character(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _class_character(pattern, position + 1)
        if low > high:
            raise ValueError(f'the range "{low}-{high}" is backwards')
        items.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    if not items:
        raise ValueError('"[]" matches nothing')
    return f"[{'^' if negated else ''}{''.join(items)}]", position + 1


def _class_character(pattern: str, position: int) -> tuple[str, int]:
    escaped = pattern.startswith("\\", position)
    position += escaped
    if position >= len(pattern):
        raise ValueError('"[" is never closed')
    if not escaped and pattern[position] in "-]":
        raise ValueError(f'"{pattern[position]}" stands where a character must be')
    return pattern[position], position + 1
