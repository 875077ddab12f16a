"""What `up` and `create` do once the project is loaded: images, plan, execution, and the logs unless it goes to the background."""

from __future__ import annotations

import argparse
import contextlib
import os

from cais.cli.perform import perform
from cais.cli.scaling import scale_options
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.events import MessageEvent, NullSink, Phase
from cais.project import order
from cais.project.ensure import ImageOptions, ensure_images, known_image, known_mounted, missing_images
from cais.project.observed import Observed, observe
from cais.project.plan import Recreate, UpOptions, borrowed_volumes, orphans, plan_up
from cais.project.preflight import check_bind_sources


def bring_up(args: argparse.Namespace, wire: Wire, project: Project) -> int:
    """Make what is there what `project` says; the exit code."""
    options = _options(args)
    chosen = _services(project, options)
    check_bind_sources(project, chosen, os.path.exists)
    image_options = ImageOptions(
        build=args.build, no_build=args.no_build, pull="" if args.pull == "policy" else args.pull
    )
    if args.dry_run:
        return _dry_run(wire, project, chosen, options, image_options)
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
    from cais.cli.attached import follow_until_stopped

    return follow_until_stopped(wire, project, chosen, args, since=began)


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
