"""`cais image pull|push|copy|import|save|load`: images that come and go."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from cais.cli.removing import need_image
from cais.cli.wire import Wire
from cais.errors import NotFoundError, UsageError
from cais.events import BytesEvent

if TYPE_CHECKING:
    from cais.images.reference import Reference


# Where the error for an image that nobody has leads to.
BRING_A_BASE = """\
A base image that no registry gives is brought in one of two ways.

Another machine can pull it:
  there  docker pull NAME && docker save -o base.tar NAME
  here   cais image load -i base.tar

No machine can: make a root file system that keeps the image's promises (paths, programs, variables) and import it under
the image's name. For a Python that is installed in the folder PREFIX:
  mmdebstrap --variant=minbase --include=ca-certificates,libssl3,libffi8,libsqlite3-0 bookworm ROOT
  tar -C PREFIX -c bin lib include | tar -C ROOT/usr/local -x
  chroot ROOT ldconfig
  cais image import ROOT python:3.12-slim-bookworm -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' -c 'CMD ["python3"]'
stacks/starter/import-base.sh does this with all the care it needs; docs/bases.md explains it.
"""


def configure(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # argparse names no public type
    """A parser for each."""
    _configure_registry(commands)
    _configure_files(commands)


def _configure_registry(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    pull = commands.add_parser("pull", help="fetch images from their registries")
    pull.add_argument("images", nargs="+", metavar="NAME")
    pull.add_argument("--platform", metavar="OS/ARCH", help="of an image for several platforms, this one")
    pull.add_argument("-q", "--quiet", action="store_true", help="no progress, only the names")
    pull.set_defaults(act=_pull)
    push = commands.add_parser("push", help="give images to the registries that their names tell")
    push.add_argument("images", nargs="+", metavar="NAME")
    push.add_argument("-a", "--all-tags", action="store_true", help="all tags of the name")
    push.add_argument(
        "--compression",
        choices=("gzip", "zstd", "none"),
        default="gzip",
        help="how layers that were made here are packed (others stay as they came)",
    )
    push.add_argument("-q", "--quiet", action="store_true", help="no progress, only the names")
    push.set_defaults(act=_push)

    copy = commands.add_parser("copy", help="copy an image between registries, the store, OCI folders and archives")
    place = "docker://NAME, store:NAME, oci:FOLDER[:NAME] or archive:FILE[:NAME]"
    copy.add_argument("source", metavar="SRC", help=place)
    copy.add_argument("target", metavar="DST", help="the same; what is written keeps its digest")
    copy.add_argument("--platform", metavar="OS/ARCH", help="of an image for several platforms, this one")
    copy.add_argument("--all", action="store_true", help="all platforms, and what else an index names")
    copy.add_argument(
        "--compression", choices=("gzip", "zstd", "none"), default="gzip", help="how layers made here are packed"
    )
    copy.add_argument("-q", "--quiet", action="store_true", help="no progress")
    copy.set_defaults(act=_copy)


def _configure_files(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bring = commands.add_parser(
        "import",
        help="make an image of a root file system: a folder or a tar file",
        epilog=BRING_A_BASE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bring.add_argument("source", metavar="FILE|FOLDER")
    bring.add_argument("reference", metavar="NAME")
    bring.add_argument(
        "-c",
        "--change",
        action="append",
        default=[],
        metavar="INSTRUCTION",
        help="CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME or WORKDIR, as in a Dockerfile",
    )
    bring.set_defaults(act=_import)
    save = commands.add_parser("save", help="write images to an archive that `docker load` takes")
    save.add_argument("images", nargs="+", metavar="IMAGE")
    save.add_argument("-o", "--output", required=True, metavar="FILE", help="the archive to write")
    save.set_defaults(act=_save)
    load = commands.add_parser("load", help="read an archive of `cais image save`, `docker save` or an OCI layout")
    load.add_argument("-i", "--input", required=True, metavar="FILE", help="the archive to read")
    load.set_defaults(act=_load)


def _pull(args: argparse.Namespace, wire: Wire) -> int:
    from cais.images.platforms import parse_platform
    from cais.images.reference import parse_reference
    from cais.registry.pull import pull

    references = [parse_reference(name) for name in args.images]
    platform = parse_platform(args.platform) if args.platform else None
    for reference in references:
        if args.dry_run:
            print(f"would pull {reference.familiar}")
            continue
        with contextlib.closing(wire.view(quiet=args.quiet)) as view:
            pulled = pull(reference, wire.images, events=view, platform=platform, settings=wire.registries)
        if not args.quiet:
            print(f"Digest: {pulled.digest}")
            state = "Downloaded newer image" if pulled.is_new else "Image is up to date"
            print(f"Status: {state} for {reference.familiar}")
        print(reference)
    return 0


def _push(args: argparse.Namespace, wire: Wire) -> int:
    from cais.images.compress import Compression
    from cais.registry.push import push

    for reference in _to_push(args, wire):
        if args.dry_run:
            print(f"would push {reference.familiar}")
            continue
        with contextlib.closing(wire.view(quiet=args.quiet)) as view:
            digest = push(
                reference,
                wire.images,
                events=view,
                settings=wire.registries,
                compression=Compression(args.compression),
            )
        print(reference if args.quiet else f"{reference.tag}: digest: {digest}")
    return 0


def _copy(args: argparse.Namespace, wire: Wire) -> int:
    from cais.images.compress import Compression
    from cais.images.platforms import parse_platform
    from cais.registry.between import CopyOptions, copy_between
    from cais.registry.places import parse_place

    source, target = parse_place(args.source), parse_place(args.target)
    if args.all and args.platform:
        raise UsageError("--all and --platform contradict each other")
    options = CopyOptions(
        platform=parse_platform(args.platform) if args.platform else None,
        all=args.all,
        compression=Compression(args.compression),
    )
    if args.dry_run:
        print(f"would copy {args.source} to {args.target}")
        return 0
    with contextlib.closing(wire.view(quiet=args.quiet)) as view:
        digest = copy_between(source, target, wire.images, events=view, settings=wire.registries, options=options)
    print(digest)
    return 0


def _to_push(args: argparse.Namespace, wire: Wire) -> list[Reference]:
    from cais.images.reference import parse_reference

    references = [parse_reference(name) for name in args.images]
    if not args.all_tags:
        return references
    names = {reference.name for reference in references}
    known = [parse_reference(text) for image in wire.images.images() for text in image.references]
    tagged = sorted((each for each in known if each.name in names and each.tag), key=str)
    if missing := names - {each.name for each in tagged}:
        raise NotFoundError(f'no image is named "{min(missing)}"', hint="`cais image ls` lists what is there")
    return tagged


def _import(args: argparse.Namespace, wire: Wire) -> int:
    from cais.cli.changes import config_with_changes

    if not os.path.exists(args.source):
        raise NotFoundError(f'"{args.source}" does not exist', hint="give a folder or a tar file")
    config = config_with_changes(args.change)
    with contextlib.closing(wire.view()) as view:
        image = wire.images.import_root(
            args.source,
            config,
            references=(args.reference,),
            on_bytes=lambda done: view.emit(BytesEvent(kind="Import", name=args.source, done=done)),
        )
    print(image.id)
    return 0


def _save(args: argparse.Namespace, wire: Wire) -> int:
    if os.path.isdir(args.output):
        raise UsageError(f'"{args.output}" is a folder', hint="give the name of a file")
    for name in args.images:
        need_image(wire, name)
    wire.images.save(args.images, args.output)
    return 0


def _load(args: argparse.Namespace, wire: Wire) -> int:
    if not os.path.exists(args.input):
        raise NotFoundError(f'"{args.input}" does not exist')
    with contextlib.closing(wire.view()) as view:
        images = wire.images.load(
            args.input, on_bytes=lambda done: view.emit(BytesEvent(kind="Load", name=args.input, done=done))
        )
    for image in images:
        print(f"Loaded image: {', '.join(image.references) or image.id}")
    return 0
