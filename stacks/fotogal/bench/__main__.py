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
from bench.readers import Servers
from bench.report import Result
from bench.scenes import Bench
from fotogal.catalogue.postgresql import PostgresqlDatabase
from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.catalogue.sql.database import Database
from fotogal.catalogue.sql.loading import NotEmpty
from fotogal.catalogue.sqlite import SqliteDatabase
from fotogal.generate import Plan

RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    options = _options()
    plan = Plan(options.users, options.photos, options.follows, options.heavy, options.heavy_follows)
    before = _load()
    results = []
    with _folder(options.keep) as folder:
        for name in options.databases:
            with _DATABASES[name](folder) as open_database:
                servers = Servers(options.processes, options.threads)
                bench = Bench(open_database, plan, options.readers, servers, options.seconds)
                results.append(_measure(name, bench))
            text = report.markdown(bench, f"{before}; when it ended: {_load()}", results)
            options.results.write_text(text, encoding="utf-8")
    print(text)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the databases are: on a disk. Removed at the end, unless it is to be kept."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="fotogal-bench-", dir="/var/tmp") as name:
        os.chmod(name, 0o755)  # PostgreSQL runs as somebody else
        yield Path(name)


def _load() -> str:
    """Over 1, 5 and 15 minutes. What else runs on the machine is seen in it, and in the times."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run")
    sizes = (("users", 100_000), ("photos", 1_000_000), ("follows", 5_000_000), ("heavy", 200), ("heavy-follows", 5000))
    for name, number in sizes:
        parser.add_argument(f"--{name}", type=int, default=number, metavar="NUMBER")
    parser.add_argument("--readers", type=int, default=32)
    parser.add_argument("--processes", type=int, default=Servers().processes)
    parser.add_argument("--threads", type=int, default=Servers().threads)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--databases", nargs="+", choices=[*_DATABASES], default=[*_DATABASES])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the databases there, and use those that are")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def _measure(name: str, bench: Bench) -> Result:
    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {name}: {what}", flush=True)

    say("filling")
    loaded = _fill(bench)
    say("comparing")
    scenes.same(bench)
    timelines = scenes.timelines(bench, say)
    say("likes")
    spread, of_one = scenes.likes(bench, 10_000), scenes.likes(bench, 1)
    scenes.likes_are_right(bench)
    return Result(name, loaded, timelines, spread, of_one)


def _fill(bench: Bench) -> float | None:
    """How long it took; None if an earlier run has done it."""
    database = bench.open()
    catalogue = SqlCatalogue(database)
    begun = time.monotonic()
    try:
        catalogue.provision()
        catalogue.generate(bench.plan)
        return time.monotonic() - begun
    except NotEmpty:
        scenes.is_filled(bench)
        database.settle()  # as after loading: earlier runs have liked
        return None
    finally:
        catalogue.close()


@contextmanager
def _postgresql(folder: Path) -> Iterator[Callable[[], Database]]:
    """As Debian and the image have it, but for the socket; on a disk, and what is committed stays."""
    home = folder / "postgresql"
    home.mkdir(exist_ok=True)
    with postgres_server.kept(home, settings="") as server:
        yield lambda: PostgresqlDatabase(server.url)


@contextmanager
def _sqlite(folder: Path) -> Iterator[Callable[[], Database]]:
    yield lambda: SqliteDatabase(folder / "sqlite" / "catalogue.sqlite3")


_DATABASES = {"PostgreSQL": _postgresql, "SQLite": _sqlite}

if __name__ == "__main__":
    main()
