"""What is measured: timelines of three kinds of viewers, two pages of each, two ways; likes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.readers import Ask, Measured, Servers, measure
from bench.straightforward import Straightforward
from fotogal import generate
from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.catalogue.sql.database import Database
from fotogal.catalogue.sql.schema import FOLLOWS, IMAGES, REACTIONS, USERS
from fotogal.generate import PHOTO_EVERY_MS, Plan
from fotogal.model import RANDOM_BITS, Cursor, Reaction

# The straightforward way is asked by fewer where all follow thousands: by as many as ours it would take the machine for minutes. That is to its advantage.
FEW_READERS = 4
LIMIT = 21  # a page of 20, and one more that tells whether it goes on
HEAVY_SHARE = 20  # of those who look, one in so many follows very many

Open = Callable[[], Database]
Choice = Callable[[random.Random], int]


@dataclass(frozen=True)
class Bench:
    """`open` gives a database of its own to each process of the `servers`."""

    open: Open
    plan: Plan
    readers: int
    servers: Servers
    seconds: float

    def measure(self, make: Callable[[], Ask]) -> Measured:
        return measure(make, self.readers, self.servers, self.seconds)


@dataclass(frozen=True)
class Timeline:
    viewers: str
    page: str
    ours: Measured
    straightforward: Measured
    straightforward_readers: int


@dataclass(frozen=True)
class Viewers:
    """`many`: all of them follow very many."""

    who: str
    choose: Choice
    many: bool


def viewers(plan: Plan) -> list[Viewers]:
    def heavy(chance: random.Random) -> int:
        return generate.user_id(chance.randrange(plan.heavy))

    def ordinary(chance: random.Random) -> int:
        return generate.user_id(chance.randrange(plan.heavy, plan.users))

    def mixed(chance: random.Random) -> int:
        return heavy(chance) if chance.randrange(HEAVY_SHARE) == 0 else ordinary(chance)

    each = (plan.follows - plan.heavy * plan.heavy_follows) // (plan.users - plan.heavy)
    return [
        Viewers(f"follow {each}", ordinary, many=False),
        Viewers(f"follow {plan.heavy_follows}", heavy, many=True),
        Viewers(f"one in {HEAVY_SHARE} follows {plan.heavy_follows}, the others {each}", mixed, many=False),
    ]


def pages(plan: Plan) -> dict[str, Cursor | None]:
    """The first page, and the one that begins in the middle of all photos."""
    middle = generate.BEGIN_TS + plan.users + plan.photos // 2 * PHOTO_EVERY_MS
    return {"first": None, "deep": Cursor(middle, 0)}


def same(bench: Bench, times: int = 2) -> None:
    """Both ways show the same. Raises AssertionError."""
    database = bench.open()
    ours, straightforward = SqlCatalogue(database), Straightforward(database)
    chance = random.Random(0)
    for group in viewers(bench.plan):
        for after in pages(bench.plan).values():
            for _ in range(times):
                viewer = group.choose(chance)
                if ours.timeline(viewer, LIMIT, after) != straightforward.timeline(viewer, LIMIT, after):
                    raise AssertionError(f"the timelines of {viewer} after {after} differ")
    database.close()


def timelines(bench: Bench, say: Callable[[str], None]) -> list[Timeline]:
    found = []
    for group in viewers(bench.plan):
        few = FEW_READERS if group.many else bench.readers
        for page, after in pages(bench.plan).items():
            say(f"{group.who}: {page} page")
            ours = _timeline(bench, SqlCatalogue, group.choose, after)
            say(f"  {ours.percentile(0.5):.1f} ms, p99 {ours.percentile(0.99):.1f} ms")
            other = _timeline(replace(bench, readers=few), Straightforward, group.choose, after)
            say(
                f"  straightforward, {few} readers: {other.percentile(0.5):.0f} ms, p99 {other.percentile(0.99):.0f} ms"
            )
            found.append(Timeline(group.who, page, ours, other, few))
    return found


def _timeline(
    bench: Bench, way: type[SqlCatalogue | Straightforward], choose: Choice, after: Cursor | None
) -> Measured:
    def make() -> Ask:
        catalogue = way(bench.open())
        return lambda chance: catalogue.timeline(choose(chance), LIMIT, after)

    return bench.measure(make)


def likes(bench: Bench, photos: int) -> Measured:
    """Everybody likes one of the `photos` newest, again and again another one or as somebody else."""
    plan = bench.plan

    def photo_id(number: int) -> int:
        return (generate.BEGIN_TS + plan.users + number * PHOTO_EVERY_MS) << RANDOM_BITS

    def make() -> Ask:
        catalogue = SqlCatalogue(bench.open())

        def like(chance: random.Random) -> None:
            liked = photo_id(plan.photos - 1 - chance.randrange(photos))
            if catalogue.react(liked, generate.user_id(chance.randrange(plan.users)), Reaction.LIKE) is None:
                raise AssertionError(f"there is no photo {liked}")

        return like

    return bench.measure(make)


def is_filled(bench: Bench) -> None:
    """Raises AssertionError if the catalogue is of another plan."""
    wanted = (bench.plan.users, bench.plan.photos, bench.plan.follows)
    database = bench.open()
    with database.read() as do:
        found = do.one(f"SELECT {', '.join(f'(SELECT count(*) FROM {table})' for table in (USERS, IMAGES, FOLLOWS))}")
    database.close()
    if found != wanted:
        raise AssertionError(f"the catalogue that was kept has {found} people, photos and follows, and not {wanted}")


def likes_are_right(bench: Bench) -> int:
    """How many there are. Raises AssertionError if the photos count other ones than there are."""
    database = bench.open()
    with database.read() as do:
        row = do.one(f"SELECT (SELECT sum(likes) FROM {IMAGES}), (SELECT count(*) FROM {REACTIONS})")
    database.close()
    if row is None or row[0] != row[1]:
        raise AssertionError(f"photos count {row and row[0]} likes, and there are {row and row[1]}")
    return int(row[1])
