"""Text -> `Project`: the passes in their order.

1. each file: nodes with places, interpolation, schema, canonical form, `extends`, `include` (documents, extends, include)
2. the files merged in order (merge)
3. names without value looked up, defaults put in (environment, defaults)
4. enabled services chosen (selection), their env files read (environment)
5. consistency and support checked, then bound to the model (consistency, support, bind)

A pass tells its problems and goes on with what is sound, so that all of them are known at the end.
"""

from __future__ import annotations

import functools
import os.path
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from cais.compose import bind, consistency, defaults, environment, naming, reading, support
from cais.compose.defaults import settle
from cais.compose.documents import Reading, Session
from cais.compose.include import load_file
from cais.compose.merge import clean, merge
from cais.compose.model.project import Project
from cais.compose.nodes import MapNode, Node
from cais.compose.origins import origins_of
from cais.compose.problems import Problems
from cais.compose.reader import FileReader, utf8
from cais.compose.schema import SchemaMemo
from cais.compose.selection import Selection, select, with_dependencies, without_optional
from cais.compose.unused import without_unused
from cais.compose.variables import Use, Variables, as_variables
from cais.errors import NotFoundError, Problem, Span

STANDARD_INPUT = "-"
_T = TypeVar("_T")
_Bind = Callable[[str, MapNode, Problems], _T | None]


class Source(msgspec.Struct, frozen=True):
    """A Compose file: the path shown to users, the absolute one ("-" for standard input), and the text, None to have it read."""

    shown: str
    path: str
    text: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be loaded, and how.

    `directory` is the project directory (absolute), `name` the name that the command line or the environment gives, `services` those that the
    command line names: their profiles are active, and with `only_named` they and what they depend on are all that is kept. The `keep_...`, `leave_...`
    and `skip_...` are for showing a project before all of its passes; a project that is to run has none.
    """

    sources: tuple[Source, ...]
    directory: str
    name: str | None = None
    profiles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    only_named: bool = False
    keep_variables: bool = False
    keep_paths: bool = False
    keep_env_files: bool = False
    keep_unused: bool = False
    leave_defaults: bool = False
    skip_consistency: bool = False
    collect_uses: bool = False


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A project as a tree in canonical form, with the place of every value.

    `tree` holds the enabled services that are wanted, `enabled` the names of all enabled ones, `disabled` those of other profiles.
    """

    name: str
    enabled: tuple[str, ...]
    wanted: Wanted
    tree: MapNode
    disabled: dict[str, MapNode]
    profiles: tuple[str, ...]
    environment: Variables
    uses: tuple[Use, ...]
    refusals: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def load_tree(wanted: Wanted, env: Mapping[str, str], reader: FileReader, memo: SchemaMemo | None = None) -> Loaded:
    """Load a project up to its canonical tree. Raises InvalidProject with every problem found, NotFoundError for a source that is not there.

    Its `refusals` are what Cais cannot do although the files are valid: who runs the project refuses it with them. `memo` may remember trees that satisfy the schema.
    """
    problems = Problems()
    known = as_variables(env)
    known = Variables({key: utf8(value) for key, value in known.items()}, known.places)
    how = Reading(
        interpolate=not wanted.keep_variables,
        absolute_paths=not wanted.keep_paths,
        collect_uses=wanted.collect_uses,
    )
    home, shown = known.get("HOME", "/root"), _shown(wanted.sources)
    session = Session(reader, problems, home, wanted.directory, shown, memo, how)
    texts = [source.text if source.text is not None else _text(source, reader) for source in wanted.sources]
    name = wanted.name or known.get(naming.VARIABLE) or naming.foreseen(texts, known, wanted.directory)
    known = known.with_value(naming.VARIABLE, name)
    merged = _merged(wanted, texts, known, session)
    name = naming.project_name(merged, wanted.name, wanted.directory, problems)
    return _completed(merged, name, wanted, known, session)


def _completed(merged: MapNode, name: str, wanted: Wanted, env: Variables, session: Session) -> Loaded:
    problems = session.problems
    tree = settle(merged, session.context(wanted.directory).base)
    if not wanted.leave_defaults:
        tree = defaults.complete(tree, name)
    if wanted.keep_variables:
        selection = Selection(_nodes(tree, "services"), {}, wanted.profiles)
    else:
        tree = environment.resolve(tree, env)
        selection = select(tree, wanted.profiles, wanted.services)
        if not wanted.keep_env_files:
            selection = environment.with_all_files(selection, env, session)
        if not wanted.skip_consistency:
            subject = consistency.Subject(tree, selection.enabled, selection.disabled, session.damaged, problems)
            consistency.check(subject)
    kept = with_dependencies(selection.enabled, wanted.services) if wanted.only_named else selection.enabled
    tree = _with_services(tree, kept)
    if not wanted.keep_unused:
        tree = without_unused(tree)
    support.check(tree, problems)
    problems.raise_if_any()
    return Loaded(
        name=name,
        wanted=wanted,
        tree=tree,
        enabled=tuple(selection.enabled),
        disabled=selection.disabled,
        profiles=selection.profiles,
        environment=env,
        uses=tuple(session.uses),
        refusals=tuple(problems.refusals),
        warnings=tuple(problems.warnings),
    )


def _with_services(tree: MapNode, services: Mapping[str, Node]) -> MapNode:
    section = tree.get("services")
    return (
        tree.replacing({**tree.items, "services": section.replacing(services)})
        if isinstance(section, MapNode)
        else tree
    )


def _shown(sources: Sequence[Source]) -> Callable[[str], str]:
    """How to show any file: as the user would write it from where the first source was named."""
    shown = {source.path: source.shown for source in sources}
    first = next((source for source in sources if source.path != STANDARD_INPUT), None)
    folder = os.path.dirname(first.path) if first else ""
    prefix = os.path.dirname(first.shown) if first else ""

    def show(path: str) -> str:
        if path in shown:
            return shown[path]
        is_below = bool(folder) and path.startswith(folder.rstrip("/") + "/")
        return os.path.join(prefix, os.path.relpath(path, folder)) if is_below else path

    return show


def _merged(wanted: Wanted, texts: Sequence[str], env: Variables, session: Session) -> MapNode:
    merged: Node | None = None
    for source, text in zip(wanted.sources, texts, strict=True):
        before = len(session.problems.errors)
        trees = load_file(text, source.path, wanted.directory, env, session)
        for tree in trees:
            merged = merge(merged, tree) if merged is not None else clean(tree)
        if not trees and len(session.problems.errors) == before:
            session.problems.error("the file is empty", Span(source.shown, 1), 'a Compose file begins with "services:"')
    if not isinstance(merged, MapNode):
        session.problems.raise_if_any()
        raise NotFoundError("no Compose file is given", hint="name one with -f, or go to a folder with a compose.yaml")
    return merged


def _text(source: Source, reader: FileReader) -> str:
    try:
        return reader.read(source.path)
    except FileNotFoundError as error:
        raise NotFoundError(
            f'the Compose file "{source.shown}" does not exist', hint="check the path given with -f"
        ) from error
    except IsADirectoryError as error:
        raise NotFoundError(f'"{source.shown}" is a folder, not a Compose file', hint="name the file in it") from error
    except PermissionError as error:
        raise NotFoundError(
            f'the Compose file "{source.shown}" may not be read', hint="check its owner and mode"
        ) from error
    except UnicodeDecodeError as error:
        raise NotFoundError(f'the Compose file "{source.shown}" is not UTF-8 text', hint="save it as UTF-8") from error
    except OSError as error:
        raise NotFoundError(
            f'the Compose file "{source.shown}" cannot be read: {error.strerror}', hint="check the path"
        ) from error


def bind_project(loaded: Loaded) -> Project:
    """The model of a loaded project. Raises InvalidProject."""
    problems = Problems()

    def bound(nodes: Mapping[str, MapNode], bind_one: _Bind[_T]) -> dict[str, _T]:
        made = {key: bind_one(key, node, problems) for key, node in nodes.items()}
        return {key: item for key, item in made.items() if item is not None}

    nodes_of = functools.partial(_nodes, loaded.tree)
    disabled = bound(loaded.disabled, bind.bind_service)
    enabled = {key: without_optional(node, loaded.enabled) for key, node in nodes_of("services").items()}
    project = Project(
        name=loaded.name,
        directory=loaded.wanted.directory,
        files=tuple(source.path for source in loaded.wanted.sources),
        services=bound(enabled, bind.bind_service),
        disabled=disabled,
        networks=bound(nodes_of("networks"), bind.bind_network),
        volumes=bound(nodes_of("volumes"), bind.bind_volume),
        secrets=bound(nodes_of("secrets"), functools.partial(bind.bind_file, "secrets")),
        configs=bound(nodes_of("configs"), functools.partial(bind.bind_file, "configs")),
        models=bound(nodes_of("models"), bind.bind_model),
        environment=dict(loaded.environment),
        profiles=loaded.profiles,
        origins=origins_of(loaded.tree, loaded.disabled),
        refusals=loaded.refusals,
        warnings=loaded.warnings,
    )
    problems.raise_if_any()
    return project


def _nodes(tree: MapNode, section: str) -> dict[str, MapNode]:
    return {key: node for key, node, _ in reading.entries(tree, section) if isinstance(node, MapNode)}
