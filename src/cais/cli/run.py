"""`cais run`."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
from collections.abc import Mapping

import msgspec

from cais.cli.options import add_docker_terminal_flags, add_process_flags
from cais.cli.perform import perform
from cais.cli.target import loaded_project
from cais.cli.variables import variables
from cais.cli.view.problems import render_error
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.engine.protocol import ContainerSpec, MountKind, MountSpec, PortSpec, RestartPolicy
from cais.errors import CaisError, UsageError
from cais.events import NullSink
from cais.images.model import StoredImage
from cais.project import names, networks, translate
from cais.project.ensure import ImageOptions, ensure_images, known_image, known_mounted, missing_images
from cais.project.observed import observe
from cais.project.order import check_known, with_dependencies
from cais.project.plan import UpOptions, plan_up

NOT_STARTED = frozenset({126, 127})  # as a shell says that a command cannot be run, or is not there


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `run`."""
    parser.add_argument("--rm", action="store_true", help="remove the container when it ends")
    parser.add_argument("-d", "--detach", action="store_true", help="in the background; prints the container's name")
    parser.add_argument("-T", "--no-tty", "--no-TTY", dest="no_tty", action="store_true", help="without a terminal")
    add_docker_terminal_flags(parser)
    add_process_flags(parser)
    parser.add_argument(
        "-v", "--volume", action="append", default=[], metavar="SRC:DST[:ro]", help="one more bind mount"
    )
    parser.add_argument("-p", "--publish", action="append", default=[], metavar="HOST:CONTAINER", help="publish a port")
    parser.add_argument("-P", "--service-ports", action="store_true", help="publish the service's ports")
    parser.add_argument("--name", metavar="NAME", help="the container's name")
    parser.add_argument("--entrypoint", metavar="PROGRAM", help="instead of the image's entry point")
    parser.add_argument("--no-deps", action="store_true", help="do not start what the service depends on")
    parser.add_argument("--build", action="store_true", help="build the image first")
    parser.add_argument(
        "--pull",
        choices=("always", "missing", "never", "policy"),
        default="policy",
        help="when the image is fetched; `policy` leaves it to the service",
    )
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Run a one-off command; its exit code."""
    if args.rm and args.detach:
        raise UsageError("--rm does not go with --detach yet", hint=f"later: cais rm {args.service}")
    project = loaded_project(wire, (args.service,))
    if args.service not in project.services:
        check_known(project, (args.service,))
    service = project.services[args.service]
    _bring_up_dependencies(wire, project, service, args)
    options = ImageOptions(build=args.build, pull="" if args.pull == "policy" else args.pull)
    images = _images(wire, project, (service.name,), options, dry_run=args.dry_run)
    spec = _one_off(wire, project, service, images, args)
    if args.dry_run:
        print(f"create container {spec.name}\nstart container {spec.name}")
        return 0
    _ensure_resources(wire, project, service)
    return _run_container(wire, spec, args)


def _images(
    wire: Wire, project: Project, services: tuple[str, ...], options: ImageOptions, *, dry_run: bool
) -> Mapping[str, StoredImage]:
    """The images of `services`, built or fetched where they are missing; with `dry_run` only said to be."""
    if dry_run:
        source = wire.image_source(NullSink())
        for line in missing_images(project, services, source, options):
            print(line)
        return {
            **{name: known_image(project, project.services[name], source) for name in services},
            **known_mounted(project, services, source),
        }
    with contextlib.closing(wire.view()) as view:
        return ensure_images(project, services, wire.image_source(view), wire.service_builder(view), options)


def _bring_up_dependencies(wire: Wire, project: Project, service: Service, args: argparse.Namespace) -> None:
    """What `service` depends on, healthy as it asks, without the service itself."""
    needed = tuple(name for name in service.depends_on if name in project.services)
    if args.no_deps or not needed:
        return
    chosen = with_dependencies(project, needed)
    images = _images(wire, project, chosen, ImageOptions(), dry_run=args.dry_run)
    plan = plan_up(
        project, images, observe(wire.engine, project.name), UpOptions(services=needed, awaited_for=service.name)
    )
    perform(plan, wire, project.name, dry_run=args.dry_run)


def _one_off(
    wire: Wire, project: Project, service: Service, images: Mapping[str, StoredImage], args: argparse.Namespace
) -> ContainerSpec:
    spec = translate.container_spec(project, service, 1, images[service.name], mounted=images, one_off=True)
    name = args.name or f"{project.name}-{service.name}-run-{secrets.token_hex(6)}"
    terminal = not args.no_tty and not args.detach and sys.stdin.isatty() and sys.stdout.isatty()
    labels = {**spec.labels, names.ONE_OFF: "True"}
    # A one-off does not answer for its service: no alias, no ports (unless asked), no restart, no hooks, no health gate.
    endpoints = tuple(msgspec.structs.replace(e, aliases=(name,), ipv4_address="") for e in spec.endpoints)
    ports = (*(spec.ports if args.service_ports else ()), *(_port(word) for word in args.publish))
    entrypoint = (args.entrypoint,) if args.entrypoint else spec.entrypoint
    command = tuple(args.command) or (spec.command if not args.entrypoint else ())
    return msgspec.structs.replace(
        spec,
        name=name,
        labels=labels,
        endpoints=endpoints,
        ports=ports,
        restart=RestartPolicy(),
        post_start=(),
        pre_stop=(),
        entrypoint=entrypoint,
        command=command,
        environment={**spec.environment, **variables(args.env, wire.env)},
        user=args.user or spec.user,
        working_dir=args.workdir or spec.working_dir,
        mounts=(*spec.mounts, *(_bind(word, wire.cwd) for word in args.volume)),
        tty=terminal,
        stdin_open=not args.detach,
        # Nobody waits for the health of one that is looked at, so no supervisor is started for it.
        probe=spec.probe if args.detach else None,
    )


def _port(word: str) -> PortSpec:
    host, _, container = word.rpartition(":")
    ip, _, number = host.rpartition(":")
    if not container.isdecimal() or not (number or "0").isdecimal():
        raise UsageError(f'--publish wants [IP:]HOST:CONTAINER, not "{word}"')
    return PortSpec(container_port=int(container), host_port=int(number or 0), host_ip=ip)


def _bind(word: str, cwd: str) -> MountSpec:
    import os

    source, _, rest = word.partition(":")
    target, _, mode = rest.partition(":")
    if not target.startswith("/") or mode not in {"", "ro", "rw"}:
        raise UsageError(f'--volume wants SOURCE:/TARGET[:ro], not "{word}"')
    return MountSpec(
        kind=MountKind.BIND,
        source=os.path.abspath(os.path.join(cwd, os.path.expanduser(source))),
        target=target,
        read_only=mode == "ro",
    )


def _ensure_resources(wire: Wire, project: Project, service: Service) -> None:
    for key in service.networks:
        if not project.networks[key].external:
            wire.engine.ensure_network(networks.network_spec(project, project.networks[key]))
    for mount in service.volumes:
        if mount.type == "volume" and mount.source and not project.volumes[mount.source].external:
            wire.engine.ensure_volume(translate.volume_spec(project, project.volumes[mount.source]))


def _run_container(wire: Wire, spec: ContainerSpec, args: argparse.Namespace) -> int:
    container = wire.engine.create(spec)
    try:
        if args.detach:
            wire.engine.start(container.id)
            wire.waiter(spec.project, NullSink()).changed(container.id)
            print(spec.name)
            return 0
        return wire.engine.run_attached(container.id)
    except CaisError as error:
        failed = wire.engine.container(container.id)
        if failed is None or failed.exit_code not in NOT_STARTED:
            raise
        sys.stderr.write(render_error(error, color=sys.stderr.isatty()))
        return failed.exit_code
    finally:
        if args.rm and not args.detach:
            wire.engine.remove(container.id, force=True, volumes=True)
