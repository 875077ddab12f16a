"""What a plain YAML scalar means to Compose, and how Compose writes a value as text.

Compose reads files with go-yaml 3: the YAML 1.2 core schema, so `yes`, `on` and `22:22` are text; beside it, `0b`, underscores and the
leading zero of an octal number (`mode: 0440`) are understood.
"""

from __future__ import annotations

import re

from cais.compose.nodes import Value

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_MAYBE_NUMBER = frozenset("+-.0123456789")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_BASES = (16, 2, 8, 10)
_INT_MAX = 2**64
_MAX_DIGITS = 400  # a longer run of digits is no number anybody means, and costs quadratic time to read

# go's %v writes a float with an exponent below this and from that power of ten on
_GO_EXPONENT = (-4, 6)


def resolve(text: str) -> Value:
    """The value of a plain (unquoted) scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAYBE_NUMBER or len(text) > _MAX_DIGITS:
        return text
    digits = text.replace("_", "")
    found = _INTEGER.match(digits)
    if found:
        sign, *groups = found.groups()
        base, number = next((base, group) for base, group in zip(_BASES, groups, strict=True) if group is not None)
        value = int(number, base)
        if value < _INT_MAX:
            return -value if sign == "-" else value
    return float(digits) if _FLOAT.match(digits) else text


def as_text(value: Value) -> str:
    """A value as Compose puts it into an environment variable or a label."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return float_text(value) if isinstance(value, float) else str(value)


def float_text(value: float) -> str:
    """A float in its shortest form, as go's `%v` writes it."""
    if value != value or value in {float("inf"), float("-inf")}:
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(value)]
    mantissa, _, exponent = f"{value!r}".partition("e")
    scientific = f"{value:.17g}" if not exponent else f"{mantissa}e{exponent}"
    power = int(f"{value:e}".partition("e")[2])
    low, high = _GO_EXPONENT
    if low <= power < high:
        plain = f"{value:.0f}" if value == int(value) else repr(value)
        return plain if "e" not in plain else f"{value:f}"
    digits, _, _ = scientific.partition("e")
    if "e" not in scientific:
        digits = f"{value / 10**power!r}"
    return f"{digits.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02d}"


def as_boolean(value: Value) -> bool | None:
    """A boolean, written as such or as the text of one (after interpolation); None when it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.lower()
        if word in {"true", "y", "yes", "on", "1", "t"}:
            return True
        if word in {"false", "n", "no", "off", "0", "f"}:
            return False
    return None


def as_integer(value: Value) -> int | None:
    """A whole number, written as such or as text; None when it is none."""
    if isinstance(value, str):
        value = resolve(value.strip()) if value.strip() else value
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value == value and abs(value) < _INT_MAX and value == int(value):
        return int(value)
    return value if isinstance(value, int) else None


def as_number(value: Value) -> float | None:
    """A number, written as such or as text; None when it is none (or not finite)."""
    if isinstance(value, str):
        value = resolve(value.strip()) if value.strip() else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if abs(number) != float("inf") and number == number else None
