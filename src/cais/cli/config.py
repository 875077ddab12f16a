"""`cais config`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable

import msgspec

from cais.cli.wire import Wire
from cais.compose import loader, reading, render
from cais.compose.loader import Loaded
from cais.compose.model.project import Project
from cais.durable import write
from cais.errors import NotFoundError
from cais.project import names


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `config`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these services (and what they use)")
    parser.add_argument("--format", choices=("yaml", "json"), help="how it is shown (default: yaml)")
    parser.add_argument("-q", "--quiet", action="store_true", help="only check")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    parser.add_argument(
        "--origin", action="store_true", help="each value with the place that set it, and what it overrode"
    )
    parser.add_argument("--drawing", action="store_true", help="the project as a drawing (SVG)")
    for what in ("services", "volumes", "networks", "images", "profiles"):
        parser.add_argument(f"--{what}", dest=f"only_{what}", action="store_true", help=f"only the names of {what}")
    parser.add_argument("--models", dest="only_models", action="store_true", help="only the models that are used")
    parser.add_argument(
        "--environment", dest="only_environment", action="store_true", help="the variables that are put in, with values"
    )
    parser.add_argument(
        "--variables",
        dest="only_variables",
        action="store_true",
        help="the variables that the files use: where, default, value, and where the value is from",
    )
    parser.add_argument("--hash", metavar="SERVICE", help='the configuration hash of a service, or of all with "*"')
    parser.add_argument("--no-interpolate", action="store_true", help="leave variables as they are written")
    parser.add_argument("--no-normalize", action="store_true", help="leave out names, networks and other defaults")
    parser.add_argument("--no-path-resolution", action="store_true", help="leave relative paths as they are written")
    parser.add_argument("--no-env-resolution", action="store_true", help="leave env files unread")
    parser.add_argument("--no-consistency", action="store_true", help="do not check what the parts say of each other")
    parser.add_argument("--resolve-image-digests", action="store_true", help="ask the registries, and pin the images")
    parser.add_argument(
        "--lock-image-digests", action="store_true", help="only that, as a file to be put over this one"
    )


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Load, check, and show the project."""
    loaded = wire.load_tree(tuple(args.services), lambda wanted: _as_asked(wanted, args))
    _check_names(args.services, loaded)
    wire.warn()
    if args.quiet:
        return 0
    text = _text(loaded, args, wire)
    if args.output:
        write(os.path.join(wire.cwd, args.output), text.encode())
    else:
        sys.stdout.write(text)
    return 0


def _as_asked(wanted: loader.Wanted, args: argparse.Namespace) -> loader.Wanted:
    shows_all = args.only_services or args.only_profiles or args.only_variables or args.only_environment
    return msgspec.structs.replace(
        wanted,
        only_named=bool(args.services) and not shows_all,
        keep_variables=args.no_interpolate or args.only_variables,
        keep_paths=args.no_path_resolution,
        keep_env_files=args.no_env_resolution,
        leave_defaults=args.no_normalize,
        skip_consistency=args.no_consistency,
        collect_uses=args.only_variables,
    )


def _check_names(wanted: list[str], loaded: Loaded) -> None:
    from cais.compose.problems import nearest

    for name in wanted:
        if name not in loaded.enabled:
            hint = nearest(name, list(loaded.enabled)) or f"services: {', '.join(loaded.enabled)}"
            raise NotFoundError(f'no such service: "{name}"', hint=hint)


def _text(loaded: Loaded, args: argparse.Namespace, wire: Wire) -> str:
    for what, lister in _LISTERS.items():
        if getattr(args, f"only_{what}"):
            return lister(loaded, args)
    if args.hash:
        return _hashes(loader.bind_project(loaded), args.hash)
    if args.drawing:
        from cais.project.drawing import draw

        return draw(loader.bind_project(loaded))
    with_files = loaded.wanted.keep_env_files or loaded.wanted.keep_variables
    tree = render.to_tree(loaded.name, loaded.tree, with_files=with_files)
    if args.origin:
        from cais.compose.origins import origins_of

        return "".join(f"{row}\n" for row in render.origins(tree, origins_of(loaded.tree, {})))
    if args.resolve_image_digests or args.lock_image_digests:
        from cais.cli.digests import locked, pinned

        tree = pinned(tree, wire.image_digest)
        tree = locked(tree) if args.lock_image_digests else tree
    shown = tree if args.no_interpolate else render.escaped(tree)
    if args.format == "json":
        # a lock file is put over others, where an empty command would take theirs away
        return render.to_json(shown, with_empty=not args.lock_image_digests) + "\n"
    return render.to_yaml(shown)


# --- lists -----------------------------------------------------------------------------------------------------------

_Lister = Callable[[Loaded, argparse.Namespace], str]


def _lines(of: Callable[[Loaded], Iterable[str]]) -> _Lister:
    """One name a line."""
    return lambda loaded, _args: "".join(f"{name}\n" for name in of(loaded))


def _keys(section: str) -> _Lister:
    return _lines(lambda loaded: sorted(name for name, _, _ in reading.entries(loaded.tree, section)))


def _profiles(loaded: Loaded) -> Iterable[str]:
    enabled = (service for _, service, _ in reading.entries(loaded.tree, "services"))
    every = (*enabled, *loaded.disabled.values())
    return sorted({profile for service in every for profile, _ in reading.texts(service, "profiles")})


def _images(loaded: Loaded) -> Iterable[str]:
    for name, service, _ in reading.entries(loaded.tree, "services"):
        yield reading.text(service, "image") or names.built_image(loaded.name, name)


def _models(loaded: Loaded) -> Iterable[str]:
    return (reading.text(model, "model") for _, model, _ in reading.entries(loaded.tree, "models"))


def _environment(loaded: Loaded, _args: argparse.Namespace) -> str:
    return "".join(f"{name}={value}\n" for name, value in sorted(loaded.environment.items()))


def _variables(loaded: Loaded, args: argparse.Namespace) -> str:
    from cais.cli.uses import as_table, as_tree

    if args.format is None:
        return as_table(loaded.uses)
    tree = as_tree(loaded.uses)
    return render.to_json(tree, with_empty=False) + "\n" if args.format == "json" else render.to_yaml(tree)


_LISTERS: dict[str, _Lister] = {
    "services": _keys("services"),
    "volumes": _keys("volumes"),
    "networks": _keys("networks"),
    "models": _lines(_models),
    "images": _lines(_images),
    "profiles": _lines(_profiles),
    "environment": _environment,
    "variables": _variables,
}


def _hashes(project: Project, wanted: str) -> str:
    from cais.project.translate import service_hash

    chosen = sorted(project.services) if wanted == "*" else sorted(wanted.split(","))
    for name in chosen:
        if name not in project.services:
            raise NotFoundError(f'no such service: "{name}"')
    return "".join(f"{name} {service_hash(project, project.services[name])}\n" for name in chosen)
