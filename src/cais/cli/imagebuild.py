"""`cais image build`: an image of a Dockerfile and a context, with the flags of `docker build`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TypedDict

import msgspec

from cais.cli import buildflags
from cais.cli.buildoutput import check_terminal, give, parse_output, push
from cais.cli.wire import Wire
from cais.errors import UsageError

if TYPE_CHECKING:
    from cais.build.executor import BuildExecutor
    from cais.build.request import BuildRequest, ImageSource
    from cais.clock import Clock
    from cais.events import EventSink
    from cais.images.model import StoredImage
    from cais.images.protocol import ImageStore
    from cais.locations import Locations

DEFAULT_SHM_SIZE = 64 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `image build`."""
    add = parser.add_argument
    add("context", metavar="CONTEXT",
        help="a folder, a git repository, the address of an archive, or - for a Dockerfile or an archive on stdin")  # fmt: skip
    add("-f", "--file", metavar="FILE", help="the Dockerfile (default: Dockerfile in the context; - is stdin)")
    add("-t", "--tag", action="append", default=[], metavar="NAME", help="a name for the image; may be repeated")
    add("--target", default="", metavar="STAGE", help="the stage to build (default: the last)")
    add("--label", action="append", default=[], metavar="NAME=VALUE", help="a label of the image")
    add("--secret", action="append", default=[], metavar="id=NAME[,src=FILE|,env=NAME]",
        help="a secret for RUN --mount=type=secret: a file, or a variable")  # fmt: skip
    add("--allow", action="append", default=[], metavar="RIGHT",
        help="network.host or security.insecure: what RUN --network=host and RUN --security=insecure need")  # fmt: skip
    add("--build-context", action="append", default=[], metavar="NAME=CONTEXT",
        help="a further context, or docker-image://NAME, in place of an image or stage")  # fmt: skip
    add("--no-cache-filter", action="append", default=[], metavar="STAGE", help="run the steps of this stage again")
    add("--cache-from", action="append", default=[], metavar="PLACE",
        help="take steps from there: type=local,src=FOLDER, or type=registry,ref=NAME")  # fmt: skip
    add("--cache-to", action="append", default=[], metavar="PLACE",
        help="keep steps there: type=local,dest=FOLDER, or type=registry,ref=NAME; mode=max for all stages")  # fmt: skip
    add("--add-host", action="append", default=[], metavar="NAME:ADDRESS", help="a line of /etc/hosts during RUN")
    add("--network", choices=("default", "none", "host"), default="default", help="the network of RUN")
    add("--platform", default="", metavar="PLATFORM", help="this machine's, or an error")
    add("--shm-size", metavar="SIZE", help="the size of /dev/shm during RUN (default: 64m)")
    add("--ulimit", action="append", default=[], metavar="NAME=SOFT[:HARD]", help="a limit of RUN; -1 is none")
    add("-o", "--output", action="append", default=[], metavar="FOLDER|type=KIND,dest=PATH",
        help="give out: image (the default), docker and oci (archives), local (files), tar (files), registry (pushed)")  # fmt: skip
    add("--push", action="store_true", help="push the image to the registries that its names tell")
    add("--metadata-file", metavar="FILE", help="write names and digests of the image there, as JSON")
    add("--iidfile", metavar="FILE", help="write the image's id there")
    add("--load", action="store_true", help="accepted because fingers know it: an image is always in the store")
    buildflags.add_common_flags(parser)


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Build, tag, and write what was asked for."""
    from cais.build.standardinput import taken_in

    with taken_in(args.context, args.file, wire.locations.build, sys.stdin.buffer) as taken:
        request = _request(args, wire, taken.context, taken.dockerfile_text)
        if args.dry_run:
            print(f"build image of {args.context}")
            return 0
        if args.check:
            from cais.build.solve import check_only

            with buildflags.shown(wire, args) as view:
                checked = check_only(request, **_parts(wire, view))
            return buildflags.report([checked], args.format, color=wire.color)
        from cais.build.solve import build

        outputs = tuple(parse_output(word) for word in args.output)
        check_terminal(outputs)
        with buildflags.shown(wire, args) as view:
            caches = wire.caches(view) if args.cache_from or args.cache_to else None  # 30 ms to import
            image = build(request, **_parts(wire, view), caches=caches)
            for output in outputs:
                give(output, image, request.tags, wire, view)
            if args.push:
                push(request.tags, wire, view)
        _tell(args, image)
    return 0


def _tell(args: argparse.Namespace, image: StoredImage) -> None:
    """The image's id and what else programs ask for."""
    if args.iidfile:
        with open(args.iidfile, "w", encoding="utf-8") as stream:
            stream.write(image.id)
    if args.metadata_file:
        facts: dict[str, str] = {"containerimage.config.digest": image.id, "containerimage.digest": image.id}
        if args.tag:
            facts["image.name"] = ",".join(args.tag)
        with open(args.metadata_file, "wb") as binary:
            binary.write(msgspec.json.format(msgspec.json.encode(facts), indent=2))
    if args.quiet:
        sys.stdout.write(f"{image.id}\n")


class _Parts(TypedDict):
    store: ImageStore
    images: ImageSource
    executor: BuildExecutor
    events: EventSink
    clock: Clock
    locations: Locations


def _parts(wire: Wire, view: EventSink) -> _Parts:
    """What every build works with."""
    return {
        "store": wire.images,
        "images": wire.image_source(view),
        "executor": wire.build_executor(),
        "events": view,
        "clock": wire.clock,
        "locations": wire.locations,
    }


def _request(args: argparse.Namespace, wire: Wire, context: str, text: str | None) -> BuildRequest:
    from cais.build.remotecache import parse_place
    from cais.build.request import BuildRequest, agents_of
    from cais.build.standardinput import DASH

    return BuildRequest(
        name=args.tag[0] if args.tag else os.path.basename(context.rstrip("/")) or "build",
        context=context,
        dockerfile=_dockerfile(args.file, text),
        dockerfile_text=text,
        text_name=DASH,
        target=args.target,
        arguments=buildflags.pairs(args.build_arg, "--build-arg"),
        labels=buildflags.labels(args.label),
        tags=tuple(args.tag),
        contexts=_contexts(args.build_context),
        secrets=buildflags.secrets(args.secret, wire.env),
        ssh=agents_of(args.ssh, wire.env),
        allow=buildflags.rights(args.allow),
        no_cache=args.no_cache,
        no_cache_stages=tuple(args.no_cache_filter),
        pull=args.pull,
        cache_from=tuple(parse_place(word, to=False) for word in args.cache_from),
        cache_to=tuple(parse_place(word, to=True) for word in args.cache_to),
        platform=args.platform,
        extra_hosts=buildflags.hosts(args.add_host),
        network=args.network,
        shm_size_bytes=buildflags.size(args.shm_size, "--shm-size") or DEFAULT_SHM_SIZE,
        ulimits=buildflags.limits(args.ulimit),
        host_ca=not args.no_host_ca,
        environment=wire.env,
    )


def _dockerfile(given: str | None, text: str | None) -> str:
    """A path that is there is one of this machine, else it is one of the context."""
    if given is None or text is not None:
        return "Dockerfile"
    return os.path.abspath(given) if os.path.exists(given) else given


def _contexts(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in buildflags.pairs(words, "--build-context").items():
        if not value:
            raise UsageError(f'--build-context "{name}" has no value', hint="write NAME=FOLDER")
        found[name] = os.path.abspath(value) if os.path.exists(value) else value
    return found
