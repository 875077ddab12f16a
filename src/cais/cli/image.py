"""`cais image ls|inspect|rm|tag|prune`; the rest is in `imagetransfer`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import msgspec

from cais.cli import imagebuild, imagediff, imagetransfer
from cais.cli.removing import need_image, remove_by_name
from cais.cli.view.table import ago, size, table
from cais.cli.wire import Wire
from cais.digest import short_id
from cais.errors import UsageError
from cais.events import MessageEvent, Phase

if TYPE_CHECKING:
    from cais.images.pruning import PruneFilter


def configure(parser: argparse.ArgumentParser) -> None:
    """A parser for each subcommand."""
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build an image of a Dockerfile and a folder")
    imagebuild.configure(build)
    build.set_defaults(act=imagebuild.run)
    ls = commands.add_parser("ls", help="list the images of the store", aliases=["list"])
    ls.add_argument("-q", "--quiet", action="store_true", help="only ids")
    ls.add_argument("--format", choices=("table", "json"), default="table", help="how it is shown")
    ls.add_argument("--no-trunc", action="store_true", help="whole ids")
    ls.set_defaults(act=_ls)
    inspect = commands.add_parser("inspect", help="show all that is known of images, as JSON")
    inspect.add_argument("images", nargs="+", metavar="IMAGE")
    inspect.set_defaults(act=_inspect)
    validate = commands.add_parser("validate", help="recompute all that is recorded of images, and say what is wrong")
    validate.add_argument("images", nargs="*", metavar="IMAGE", help="default: all")
    validate.set_defaults(act=_validate)
    rm = commands.add_parser("rm", help="remove images")
    rm.add_argument("images", nargs="+", metavar="IMAGE")
    rm.add_argument("-f", "--force", action="store_true", help="also an image named by id that goes by several names")
    rm.set_defaults(act=_rm)
    tag = commands.add_parser("tag", help="give an image another name")
    tag.add_argument("image", metavar="IMAGE")
    tag.add_argument("reference", metavar="NAME")
    tag.set_defaults(act=_tag)
    imagetransfer.configure(commands)
    imagediff.configure(commands)
    prune = commands.add_parser(
        "prune", help="remove untagged images, layers nothing needs, and what broken transfers left"
    )
    prune.add_argument(
        "-a",
        "--all",
        action="store_true",
        help="all images that no container uses, and (without a filter) the build cache",
    )
    prune.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="FILTER",
        help="until=24h (came here before), label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated",
    )
    prune.add_argument(
        "--max-size",
        metavar="SIZE",
        help="images no container uses, those unused for longest first, until the layers take no more than this",
    )
    prune.add_argument("-f", "--force", action="store_true", help="do not ask (it never asks)")
    prune.set_defaults(act=_prune)


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Dispatch to the subcommand."""
    code: int = args.act(args, wire)
    return code


def _ls(args: argparse.Namespace, wire: Wire) -> int:
    rows = []
    for image in wire.images.images():
        for reference in image.references or ("<none>:<none>",):
            repository, _, tag = reference.rpartition(":")
            rows.append(
                {
                    "Repository": repository.removeprefix("docker.io/library/").removeprefix("docker.io/"),
                    "Tag": tag,
                    "ID": str(image.id) if args.no_trunc or args.format == "json" else short_id(image.id),
                    "Created": f"{ago(wire.clock.now() - image.created_at)} ago",
                    "Size": size(image.size_bytes),
                }
            )
    if args.quiet:
        sys.stdout.write("".join(f"{name}\n" for name in dict.fromkeys(row["ID"] for row in rows)))
    elif args.format == "json":
        sys.stdout.write("".join(msgspec.json.encode(row).decode() + "\n" for row in rows))
    else:
        headers = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE")
        sys.stdout.write(table(headers, [tuple(row.values()) for row in rows]))
    return 0


def _inspect(args: argparse.Namespace, wire: Wire) -> int:
    found = []
    for name in args.images:
        image = need_image(wire, name)
        config = image.config
        found.append(
            {
                "Id": image.id,
                "RepoTags": image.references,
                "RepoDigests": wire.images.digests_of(image.id),
                "Created": config.created,
                "Architecture": config.architecture,
                "Os": config.os,
                "Size": image.size_bytes,
                "Config": msgspec.to_builtins(config.config),
                "RootFS": {"Type": "layers", "Layers": config.rootfs.diff_ids},
                "History": msgspec.to_builtins(config.history),
                "Snapshots": image.snapshot_paths,
            }
        )
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    return 0


def _validate(args: argparse.Namespace, wire: Wire) -> int:
    """Prints nothing when all is well; exit code 1 when something is not."""
    found = [need_image(wire, name) for name in args.images] if args.images else list(wire.images.images())
    damaged = 0
    for image in found:
        for fault in wire.images.validate(image.id):
            damaged += 1
            print(f"{image.references[0] if image.references else image.id}: {fault}")
    if damaged:
        wire.tell(MessageEvent(phase=Phase.WARNING, text="remove what is damaged, and get or build it again"))
    return 1 if damaged else 0


def _rm(args: argparse.Namespace, wire: Wire) -> int:
    for name in args.images:
        if args.dry_run:
            need_image(wire, name)
            print(f"would remove {name}")
            continue
        for line in remove_by_name(wire, name, force=args.force):
            print(line)
    return 0


def _tag(args: argparse.Namespace, wire: Wire) -> int:
    wire.images.tag(need_image(wire, args.image).id, args.reference)
    return 0


def _prune(args: argparse.Namespace, wire: Wire) -> int:
    from cais.images.collect import PruneOptions

    filters = _filters(args.filter, wire.clock.now())
    options = PruneOptions(
        unused=args.all,
        cache=args.all and not args.filter,
        wanted=filters,
        most_bytes=_most_bytes(args),
        dry_run=args.dry_run,
    )
    pruned = wire.images.prune(options)
    for line in pruned.removed:
        print(line)
    wire.tell(MessageEvent(phase=Phase.DONE, text=f"reclaimed {size(pruned.freed_bytes)}"))
    return 0


def _filters(words: list[str], now: float) -> PruneFilter:
    from cais.cli.view.moments import moment
    from cais.images.pruning import parse_filters

    until = {
        word.removeprefix("until="): moment(word.removeprefix("until="), now)
        for word in words
        if word.startswith("until=")
    }
    return parse_filters(words, until)


def _most_bytes(args: argparse.Namespace) -> int | None:
    if args.max_size is None:
        return None
    from cais.compose.quantities import parse_size

    size_bytes = parse_size(args.max_size)
    if size_bytes is None or size_bytes < 0:
        raise UsageError(f'"{args.max_size}" is not a size', hint="write 10g, 500m or a number of bytes")
    if args.all:
        raise UsageError("--all and --max-size contradict each other")
    return size_bytes
