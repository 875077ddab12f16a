"""`cais up`."""

from __future__ import annotations

import argparse
import contextlib
import os

from cais.cli.attached import follow_until_stopped
from cais.cli.perform import perform
from cais.cli.scaling import scale_options
from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.errors import UsageError
from cais.events import MessageEvent, NullSink, Phase
from cais.project import order
from cais.project.ensure import ImageOptions, ensure_images, known_image, known_mounted, missing_images
from cais.project.observed import Observed, observe
from cais.project.plan import Recreate, UpOptions, borrowed_volumes, orphans, plan_up
from cais.project.preflight import check_bind_sources


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `up`."""
    parser.add_argument("-d", "--detach", action="store_true", help="in the background")
    parser.add_argument("--wait", action="store_true", help="until the services are running and healthy; implies -d")
    parser.add_argument("--wait-timeout", type=float, metavar="SECONDS", help="give up waiting after this time")
    parser.add_argument("--no-start", action="store_true", help="create, do not start")
    configure_creation(parser)
    parser.add_argument("--no-color", action="store_true", help="logs without colours")
    parser.add_argument("--no-log-prefix", action="store_true", help="logs without the container's name")
    parser.add_argument("--timestamps", action="store_true", help="logs with the time")


def configure_creation(parser: argparse.ArgumentParser) -> None:
    """The flags that `create` has too."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("--build", action="store_true", help="build images first, even when there are some")
    parser.add_argument("--no-build", action="store_true", help="do not build, even when an image is missing")
    parser.add_argument("--force-recreate", action="store_true", help="replace containers even when nothing changed")
    parser.add_argument("--no-recreate", action="store_true", help="keep containers even when something changed")
    parser.add_argument("--always-recreate-deps", action="store_true", help="replace dependencies too")
    parser.add_argument("--no-deps", action="store_true", help="only the named services")
    parser.add_argument("--remove-orphans", action="store_true", help="remove containers no service claims")
    parser.add_argument(
        "-V", "--renew-anon-volumes", action="store_true", help="new anonymous volumes for replaced containers"
    )
    parser.add_argument(
        "--scale", action="append", default=[], metavar="SERVICE=N", help="how many containers of a service"
    )
    parser.add_argument(
        "--pull",
        choices=("always", "missing", "never", "build", "policy"),
        default="policy",
        help="when images are fetched; `policy` leaves it to the services",
    )
    parser.add_argument("-t", "--timeout", type=float, metavar="SECONDS", help="wait before SIGKILL when stopping")
    parser.add_argument("--quiet-pull", action="store_true", help="no progress while images are fetched")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Bring the project up."""
    _check_flags(args)
    options = _options(args)
    project = loaded_project(wire, options.services)
    chosen = _services(project, options)
    check_bind_sources(project, chosen, os.path.exists)
    image_options = ImageOptions(
        build=args.build, no_build=args.no_build, pull="" if args.pull == "policy" else args.pull
    )
    if args.dry_run:
        return _dry_run(wire, project, chosen, options, image_options)
    if options.start:
        wire.supervisor(project.name).prepare()
    with contextlib.closing(wire.view()) as view:
        source = wire.image_source(NullSink() if args.quiet_pull else view)
        images = ensure_images(project, chosen, source, wire.service_builder(view), image_options)
    observed = observe(wire.engine, project.name)
    _warn_orphans(wire, project, observed, options)
    _warn_borrowed(wire, project, observed)
    plan = plan_up(project, images, observed, options)
    began = wire.clock.now()
    perform(plan, wire, project.name, dry_run=False, deadline_s=args.wait_timeout)
    if args.detach or args.wait or args.no_start:
        return 0
    return follow_until_stopped(wire, project, chosen, args, since=began)


def _check_flags(args: argparse.Namespace) -> None:
    for one, other in (("force_recreate", "no_recreate"), ("build", "no_build")):
        if getattr(args, one) and getattr(args, other):
            raise UsageError(f"--{one.replace('_', '-')} and --{other.replace('_', '-')} contradict each other")


def _options(args: argparse.Namespace) -> UpOptions:
    recreate = Recreate.ALWAYS if args.force_recreate else Recreate.NEVER if args.no_recreate else Recreate.CHANGED
    return UpOptions(
        services=tuple(args.services),
        recreate=recreate,
        recreate_dependencies=args.always_recreate_deps,
        no_deps=args.no_deps,
        remove_orphans=args.remove_orphans,
        start=not args.no_start,
        wait=args.wait,
        scale=scale_options(args.scale),
        timeout_s=args.timeout,
        renew_anonymous_volumes=args.renew_anon_volumes,
    )


def _services(project: Project, options: UpOptions) -> tuple[str, ...]:
    order.check_known(project, (*options.services, *options.scale))
    if options.no_deps:
        return order.in_order(project, options.services or project.services)
    return order.with_dependencies(project, options.services)


def _dry_run(
    wire: Wire, project: Project, chosen: tuple[str, ...], options: UpOptions, image_options: ImageOptions
) -> int:
    """Print what would be done. Nothing that could change anything is made: no supervisor, no builder, no view."""
    source = wire.image_source(NullSink())
    missing = missing_images(project, chosen, source, image_options)
    for line in missing:
        print(line)
    images = {
        **{name: known_image(project, project.services[name], source) for name in chosen},
        **known_mounted(project, chosen, source),
    }
    plan = plan_up(project, images, observe(wire.engine, project.name), options)
    if not plan.changes_nothing:
        print(plan)
    elif not missing:
        print("nothing to do")
    return 0


def _warn_orphans(wire: Wire, project: Project, observed: Observed, options: UpOptions) -> None:
    left = [] if options.remove_orphans else [c.name for c in orphans(project, observed)]
    if left:
        text = f"containers without a service in the file: {', '.join(left)} (remove them with --remove-orphans)"
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))


def _warn_borrowed(wire: Wire, project: Project, observed: Observed) -> None:
    for volume in borrowed_volumes(project, observed):
        text = (
            f'volume "{volume.spec.name}" was made by project "{volume.spec.project}"; its data is used.'
            " Declare it `external: true` if that is meant, else give it another `name`"
        )
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
