"""`cais images`."""

from __future__ import annotations

import argparse
import sys

import msgspec

from cais.cli.target import observed_project
from cais.cli.view.table import ago, size, table
from cais.cli.wire import Wire
from cais.digest import short_id
from cais.project import select


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `images`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-q", "--quiet", action="store_true", help="only ids")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how it is shown")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """List the images that the project's containers were made of."""
    _, observed = observed_project(wire)
    chosen = select.of_services(observed, args.services, one_off=True) if observed.containers or args.services else ()
    rows = []
    for container in chosen:
        image = wire.images.find(container.spec.image_id)
        repository, _, tag = container.spec.image_reference.partition("@")[0].rpartition(":")
        if not repository or "/" in tag:
            repository, tag = container.spec.image_reference, "latest"
        rows.append(
            {
                "ContainerName": container.name,
                "Repository": repository,
                "Tag": tag,
                "ID": container.spec.image_id,
                "Size": image.size_bytes if image else 0,
                "Created": ago(wire.clock.now() - image.created_at) + " ago" if image else "(removed from the store)",
            }
        )
    if args.quiet:
        sys.stdout.write("".join(f"{row['ID']}\n" for row in {row["ID"]: row for row in rows}.values()))
    elif args.format == "json":
        sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")
    else:
        cells = [
            (
                str(r["ContainerName"]),
                str(r["Repository"]),
                str(r["Tag"]),
                short_id(str(r["ID"])),
                size(float(str(r["Size"]))),
            )
            for r in rows
        ]
        sys.stdout.write(table(("CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"), cells))
    return 0
