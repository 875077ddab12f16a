"""Landscapes that nobody photographed: a sky, a sun, a few ranges of hills. For trying the gallery out, without anybody's pictures."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Light:
    """An hour of the day: the sky above, the sky at the horizon, the nearest hills."""

    zenith: Colour
    horizon: Colour
    ground: Colour


LIGHTS = (
    Light((255, 183, 120), (240, 98, 110), (60, 38, 70)),  # dusk
    Light((150, 205, 230), (235, 245, 240), (30, 90, 85)),  # morning
    Light((30, 34, 80), (210, 110, 140), (15, 20, 40)),  # nightfall
    Light((250, 220, 170), (140, 190, 190), (70, 100, 60)),  # haze
    Light((190, 215, 250), (250, 240, 220), (90, 120, 70)),  # noon
    Light((255, 150, 90), (255, 220, 150), (90, 50, 40)),  # drought
)
_SUN = (255, 244, 220)
_RANGES = 4


def landscape(width: int, height: int, seed: int) -> bytes:
    """A JPEG; the same arguments give the same picture."""
    chance = random.Random(seed)
    light = LIGHTS[seed % len(LIGHTS)]
    image = _sky(width, height, light)
    _draw_sun(image, chance)
    for number in range(_RANGES):
        nearness = (number + 1) / _RANGES
        colour = _between(_between(light.horizon, (0, 0, 0), 0.1), light.ground, nearness)
        _draw_hills(image, height * (0.5 + 0.12 * number), colour, chance)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def _sky(width: int, height: int, light: Light) -> Image.Image:
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        draw.line([(0, y), (width, y)], fill=_between(light.zenith, light.horizon, min(1.0, y / (height * 0.7))))
    return image


def _draw_sun(image: Image.Image, chance: random.Random) -> None:
    width, height = image.size
    x, y, radius = (
        chance.uniform(0.2, 0.8) * width,
        chance.uniform(0.15, 0.45) * height,
        chance.uniform(0.06, 0.12) * width,
    )
    disc = Image.new("L", image.size)
    ImageDraw.Draw(disc).ellipse((x - radius, y - radius, x + radius, y + radius), fill=235)
    image.paste(_SUN, mask=disc.filter(ImageFilter.GaussianBlur(width / 300)))


def _draw_hills(image: Image.Image, level: float, colour: Colour, chance: random.Random) -> None:
    """One range: three waves laid over each other, filled down to the edge."""
    width, height = image.size
    waves = [(chance.uniform(0.5, 3), chance.uniform(0, math.tau)) for _ in range(3)]

    def top(x: int) -> float:
        parts = (
            math.sin(x / width * math.tau * count + phase) / (place + 1) for place, (count, phase) in enumerate(waves)
        )
        return level + height * 0.06 * sum(parts)

    edge = [(float(x), top(x)) for x in range(0, width + 8, 8)]
    ImageDraw.Draw(image).polygon([*edge, (width, height), (0, height)], fill=colour)


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
