"""The command line: `python -m fotogal provision`, `sweep`, `demo`, `generate`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from fotogal.catalogue.interface import Unavailable
from fotogal.objects.interface import StoreUnavailable
from fotogal.settings import BadSetting, Settings, from_environment
from fotogal.stores import open_catalogue, open_objects

_GENERATED = {
    "users": "people",
    "photos": "photos of all together",
    "follows": "follows of all together",
    "heavy": "people who follow very many",
    "heavy-follows": "how many each of those follows",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a store does not answer, 2 a wrong argument or setting."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(from_environment(os.environ), options))
    except BadSetting as error:
        print(f"fotogal: {error}", file=sys.stderr)
        return 2
    except (Unavailable, StoreUnavailable) as error:
        print(f"fotogal: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fotogal", description="FotoGal's tasks beside its web application.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    provision = commands.add_parser("provision", help="create what the chosen stores need; again it does nothing")
    provision.add_argument(
        "--print",
        action="store_true",
        dest="shows",
        help="do nothing; show the `oci` commands that do the same in Oracle Cloud",
    )
    provision.set_defaults(run=_provision)
    sweep = commands.add_parser("sweep", help="remove objects that no photo names, and sessions that are over")
    sweep.set_defaults(run=_sweep)
    demo = commands.add_parser("demo", help="add a few invented people with drawn photos, to look at")
    demo.add_argument("--password", required=True, help="with which each of them can log in: at least 10 characters")
    demo.set_defaults(run=_demo)
    generate = commands.add_parser(
        "generate", help="fill an empty catalogue with invented people, photos and follows (no images)"
    )
    for name, number in (
        ("users", 1000),
        ("photos", 10_000),
        ("follows", 50_000),
        ("heavy", 0),
        ("heavy-follows", 500),
    ):
        generate.add_argument(
            f"--{name}", type=int, default=number, metavar="NUMBER", help=f"{_GENERATED[name]} (default {number})"
        )
    generate.add_argument("--password", help="with which each of them can log in; without it nobody can")
    generate.set_defaults(run=_generate)
    return parser


def _provision(settings: Settings, options: argparse.Namespace) -> int:
    if options.shows:
        from fotogal.commands import commands

        print("\n".join(commands(settings)))
        return 0
    from fotogal.provision import provision

    done = provision(settings)
    print("\n".join(done) if done else "nothing to do: everything is there")
    return 0


def _sweep(settings: Settings, _options: argparse.Namespace) -> int:
    from fotogal.sweep import sweep

    now_ms = time.time_ns() // 1_000_000
    with closing(open_objects(settings)) as objects, closing(open_catalogue(settings)) as catalogue:
        swept = sweep(catalogue, objects, now_ms)
        expired = catalogue.remove_expired(now_ms)
    print(f"{swept.seen} objects, {swept.removed} removed; {expired} expired sessions and attempts removed")
    if swept.foreign:
        print(f"left alone: {swept.foreign} objects that are not named as a photo's are")
    return 0


def _demo(settings: Settings, options: argparse.Namespace) -> int:
    from fotogal.accounts import Accounts
    from fotogal.demo import PEOPLE, Clock, demo
    from fotogal.gallery import Gallery
    from fotogal.passwords import Passwords
    from fotogal.refusals import Refusal
    from fotogal.sessions import Sessions

    def now_ms() -> int:
        return time.time_ns() // 1_000_000

    clock = Clock(now_ms, back_ms=5 * 24 * 60 * 60 * 1000)
    with closing(open_objects(settings)) as objects, closing(open_catalogue(settings)) as catalogue:
        accounts = Accounts(catalogue, Passwords(), Sessions(catalogue, now_ms), now_ms)
        try:
            photos = demo(accounts, Gallery(catalogue, objects, clock), clock, options.password)
        except Refusal as refused:
            print(f"fotogal: {refused}", file=sys.stderr)
            return 2
    print(f"{len(PEOPLE)} people, {photos} photos; log in as {PEOPLE[0].username}")
    return 0


def _generate(settings: Settings, options: argparse.Namespace) -> int:
    from fotogal.catalogue.sql.catalogue import SqlCatalogue
    from fotogal.catalogue.sql.loading import NotEmpty
    from fotogal.generate import Plan
    from fotogal.passwords import Passwords

    try:
        plan = Plan(options.users, options.photos, options.follows, options.heavy, options.heavy_follows)
        if options.password:
            plan = replace(plan, password=Passwords().hash(options.password))
        with closing(open_catalogue(settings)) as catalogue:
            if not isinstance(catalogue, SqlCatalogue):
                raise BadSetting("FOTOGAL_CATALOGUE", "generate fills sqlite and postgresql")
            catalogue.provision()
            catalogue.generate(plan)
    except (ValueError, NotEmpty) as error:
        print(f"fotogal: {error}", file=sys.stderr)
        return 2
    print(f"{plan.users} people, {plan.photos} photos, {plan.follows} follows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
