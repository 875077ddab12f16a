"""The colours can be told apart, light and dark: contrast by WCAG 2.1, 1.4.3 (text) and 1.4.11 (what shows a control)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STYLE = (Path(__file__).parents[1] / "fotogal/web/static/style.css").read_text(encoding="utf-8")
TEXT, CONTROL = 4.5, 3.0

PAIRS = [
    *[("text", ground, TEXT) for ground in ("ground", "surface", "raised", "sunken", "accent-soft", "danger-soft")],
    *[("muted", ground, TEXT) for ground in ("ground", "surface", "raised", "sunken")],
    *[(colour, ground, TEXT) for colour in ("accent", "danger", "like") for ground in ("ground", "surface")],
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("surface", "danger", TEXT),
    ("edge", "surface", CONTROL),
    ("edge", "ground", CONTROL),
    ("accent", "accent-soft", CONTROL),
]


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", block))


LIGHT = colours(STYLE[: STYLE.index("@media")])
DARK = LIGHT | colours(STYLE[STYLE.index("@media (prefers-color-scheme: dark)") : STYLE.index("/* Ground */")])


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("colour", "ground", "least"), PAIRS)
def test_contrast(scheme: dict[str, str], colour: str, ground: str, least: float) -> None:
    assert contrast(scheme[colour], scheme[ground]) >= least


def test_letters_on_the_colours_of_people() -> None:
    found = re.findall(r"\.c\d { background: #([0-9a-f]{6}); }", STYLE)
    assert len(found) == 6
    assert all(contrast("ffffff", colour) >= TEXT for colour in found)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance, from WCAG 2.1's glossary."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
