"""`bench/run` begins here: fills each database, measures, writes the table."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres_server

from bench import report, scenes
from bench.report import Result
from bench.scenes import Bench
from fotogal.catalogue.postgresql import PostgresqlDatabase
from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.catalogue.sql.database import Database
from fotogal.catalogue.sqlite import SqliteDatabase
from fotogal.generate import Plan

RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    options = _options()
    plan = Plan(options.users, options.photos, options.follows, options.heavy, options.heavy_follows)
    before = _load()
    results = []
    for name in options.databases:
        results.append(_measure(name, plan, options))
        text = report.markdown(plan, options.readers, options.seconds, f"{before}; when it ended: {_load()}", results)
        options.results.write_text(text, encoding="utf-8")
    print(text)


def _load() -> str:
    """Over 1, 5 and 15 minutes. What else runs on the machine is seen in it, and in the times."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run")
    sizes = (("users", 100_000), ("photos", 1_000_000), ("follows", 5_000_000), ("heavy", 200), ("heavy-follows", 5000))
    for name, number in sizes:
        parser.add_argument(f"--{name}", type=int, default=number, metavar="NUMBER")
    parser.add_argument("--readers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--databases", nargs="+", choices=[*_DATABASES], default=[*_DATABASES])
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def _measure(name: str, plan: Plan, options: argparse.Namespace) -> Result:
    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {name}: {what}", flush=True)

    with _DATABASES[name]() as open_database:
        bench = Bench(open_database, plan, options.readers, options.seconds)
        say("filling")
        begun = time.monotonic()
        database = open_database()
        catalogue = SqlCatalogue(database)
        catalogue.provision()
        catalogue.generate(plan)
        catalogue.close()
        loaded = time.monotonic() - begun
        say("comparing")
        scenes.same(bench)
        timelines = scenes.timelines(bench, say)
        say("likes")
        spread, of_one = scenes.likes(bench, 10_000), scenes.likes(bench, 1)
        scenes.likes_are_right(bench)
    return Result(name, loaded, timelines, spread, of_one)


@contextmanager
def _postgresql() -> Iterator[Callable[[], Database]]:
    """As Debian and the image have it, but for the socket; on a disk, and what is committed stays."""
    with postgres_server.running("/var/tmp", settings="") as server:
        yield lambda: PostgresqlDatabase(server.url)


@contextmanager
def _sqlite() -> Iterator[Callable[[], Database]]:
    with tempfile.TemporaryDirectory(prefix="fotogal-bench-", dir="/var/tmp") as folder:
        yield lambda: SqliteDatabase(Path(folder) / "catalogue.sqlite3")


_DATABASES = {"PostgreSQL": _postgresql, "SQLite": _sqlite}

if __name__ == "__main__":
    main()
