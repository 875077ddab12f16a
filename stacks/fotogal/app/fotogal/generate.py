"""Invents people, photos and follows, to try out how the gallery does at size.

The same plan gives the same data. A few follow very many, the others about equally many each; whom one follows is chosen by a curve, so that some
have many followers. Photos are spread evenly over their time, and over those who take any.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from fotogal.model import RANDOM_BITS, ImageType, Photo, User

BEGIN_TS = 1_700_000_000_000
PHOTO_EVERY_MS = 30_000
_FOLDER_END = "1080x1080-0000000000000000"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many. `heavy` people follow `heavy_follows` others each. `password`: the hash that all of them have."""

    users: int = 1000
    photos: int = 10_000
    follows: int = 50_000
    heavy: int = 0
    heavy_follows: int = 5000
    password: str = "!"  # the hash of no password
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.users, self.photos, self.follows, self.heavy, self.heavy_follows) < 0 or self.heavy > self.users:
            raise ValueError(
                "numbers of people, photos and follows cannot be negative, nor can more than all people follow many"
            )
        if self.photos and not self.users:
            raise ValueError("photos without people")
        if self.follows > self.users * (self.users - 1) // 2 or self.heavy_follows > max(self.users // 2, 0):
            raise ValueError("so many follows need more people")
        if self.heavy * self.heavy_follows > self.follows:
            raise ValueError("those who follow many would follow more than all together")


@dataclass(frozen=True, slots=True)
class Follow:
    follower: int
    followed: int
    created_ts: int


def user_id(number: int) -> int:
    """The identity of the person `number`, from 0. The first `heavy` people are those who follow many."""
    return (BEGIN_TS + number) << RANDOM_BITS


def users(plan: Plan) -> Iterator[User]:
    for number in range(plan.users):
        yield User(
            id=user_id(number),
            email=f"pessoa{number}@example.org",
            full_name=f"Pessoa inventada número {number}",
            username=f"pessoa_{number}",
            password=plan.password,
            created_ts=BEGIN_TS + number,
            is_professional_account=number % 100 == 0,
        )


def photos(plan: Plan) -> Iterator[Photo]:
    """Oldest first."""
    chance = random.Random(plan.seed)
    begin = BEGIN_TS + plan.users
    for number in range(plan.photos):
        created_ts = begin + number * PHOTO_EVERY_MS
        identity = created_ts << RANDOM_BITS
        folder = f"{identity}-{_FOLDER_END}"
        yield Photo(
            id=identity,
            user_id=user_id(chance.randrange(plan.users)),
            created_ts=created_ts,
            image_url=f"/imagens/{folder}/1080x1080.jpeg",
            image_filename=folder,
            image_original_filename=f"foto-{number}.jpeg",
            image_host_fqdn="example.org",
            image_uri=f"{folder}/1080x1080.jpeg",
            image_type=ImageType.JPEG,
            main_comment=f"Foto inventada número {number}",
        )


def follows(plan: Plan) -> Iterator[Follow]:
    """By follower, each pair once."""
    chance = random.Random(plan.seed + 1)
    begin = BEGIN_TS + plan.users
    for number, many in enumerate(_shares(plan)):
        chosen: dict[int, None] = {}  # a set that keeps its order
        while len(chosen) < many:
            other = int(plan.users * chance.random() ** 2)
            if other != number:
                chosen[other] = None
        for place, other in enumerate(chosen):
            yield Follow(user_id(number), user_id(other), begin + place)


def _shares(plan: Plan) -> Iterator[int]:
    """How many each person follows."""
    yield from [plan.heavy_follows] * plan.heavy
    rest, others = plan.follows - plan.heavy * plan.heavy_follows, plan.users - plan.heavy
    for number in range(others):
        yield rest // others + (number < rest % others)
