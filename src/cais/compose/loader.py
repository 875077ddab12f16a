"""Text -> `Project`: the passes in their order.

1. each file: nodes with places, interpolation, schema, canonical form, `extends`, `include` (documents, extends, include)
2. the files merged in order (merge)
3. names without value looked up, defaults put in (environment, defaults)
4. enabled services chosen (selection), their env files read (environment)
5. consistency and support checked, then bound to the model (consistency, support, bind)

A pass tells its problems and goes on with what is sound, so that all of them are known at the end.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from cais.compose import bind, consistency, defaults, environment, naming, support
from cais.compose.documents import Session
from cais.compose.include import load_file
from cais.compose.merge import clean, merge
from cais.compose.model.project import KeyPath, Origins, Project
from cais.compose.model.resources import FileObject
from cais.compose.model.service import Service
from cais.compose.nodes import MapNode, Node, walk
from cais.compose.problems import Problems
from cais.compose.reader import FileReader, utf8
from cais.compose.schema import SchemaMemo
from cais.compose.selection import Selection, select
from cais.errors import NotFoundError, Span

STANDARD_INPUT = "-"


class Source(msgspec.Struct, frozen=True):
    """A Compose file: the path shown to users, the absolute one ("-" for standard input), and the text, None to have it read."""

    shown: str
    path: str
    text: str | None = None


def load(
    sources: Sequence[Source],
    env: Mapping[str, str],
    *,
    profiles: Collection[str],
    reader: FileReader,
    directory: str,
    name: str | None,
    services: Collection[str] = (),
    memo: SchemaMemo | None = None,
) -> Project:
    """Load a project. Raises InvalidProject with every problem found, NotFoundError for a source that is not there.

    `directory` is the project directory (absolute), `name` the name that the command line or the environment gives, `services` those that the
    command line names. `memo` may remember trees that satisfy the schema.
    """
    problems = Problems()
    env = {key: utf8(value) for key, value in env.items()}
    session = Session(reader, problems, env.get("HOME", "/root"), _shown(sources), memo)
    texts = [source.text if source.text is not None else _text(source, reader) for source in sources]
    env[naming.VARIABLE] = name or env.get(naming.VARIABLE) or naming.foreseen(texts, env, directory)
    merged = _merged(sources, texts, directory, env, session)
    project_name = naming.project_name(merged, name, directory, problems)
    tree = defaults.complete(environment.resolve(merged, env), project_name, directory)
    selection = select(tree, profiles, services)
    enabled = {key: environment.with_files(node, env, session) for key, node in selection.enabled.items()}
    selection = msgspec.structs.replace(selection, enabled=enabled)
    consistency.check(consistency.Subject(tree, enabled, selection.disabled, session.damaged, problems))
    support.check(tree, enabled, problems)
    problems.raise_if_any()
    files = tuple(source.path for source in sources)
    return _project(project_name, directory, files, tree, selection, env, problems)


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


def _merged(
    sources: Sequence[Source], texts: Sequence[str], directory: str, env: Mapping[str, str], session: Session
) -> MapNode:
    merged: Node | None = None
    for source, text in zip(sources, texts, strict=True):
        before = len(session.problems.errors)
        tree = load_file(text, source.path, directory, env, session)
        if tree is not None:
            merged = merge(merged, tree) if merged is not None else clean(tree)
        elif len(session.problems.errors) == before:
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


def _project(
    name: str,
    directory: str,
    files: tuple[str, ...],
    tree: MapNode,
    selection: Selection,
    env: Mapping[str, str],
    problems: Problems,
) -> Project:
    def services(nodes: Mapping[str, MapNode]) -> dict[str, Service]:
        made = {key: bind.bind_service(key, node, problems) for key, node in nodes.items()}
        return {key: service for key, service in made.items() if service is not None}

    def files_of(section: str) -> dict[str, FileObject]:
        made = {key: bind.bind_file(section, key, node, problems) for key, node in _nodes(tree, section).items()}
        return {key: item for key, item in made.items() if item is not None}

    networks = {key: bind.bind_network(key, node, problems) for key, node in _nodes(tree, "networks").items()}
    volumes = {key: bind.bind_volume(key, node, problems) for key, node in _nodes(tree, "volumes").items()}
    project = Project(
        name=name,
        directory=directory,
        files=files,
        services=services(selection.enabled),
        disabled=services(selection.disabled),
        networks={key: network for key, network in networks.items() if network is not None},
        volumes={key: volume for key, volume in volumes.items() if volume is not None},
        secrets=files_of("secrets"),
        configs=files_of("configs"),
        environment=env,
        profiles=selection.profiles,
        origins=_origins(tree, selection),
        warnings=tuple(problems.warnings),
    )
    problems.raise_if_any()
    return project


def _nodes(tree: MapNode, section: str) -> dict[str, MapNode]:
    node = tree.get(section)
    return (
        {key: item for key, item in node.items.items() if isinstance(item, MapNode)}
        if isinstance(node, MapNode)
        else {}
    )


def _origins(tree: MapNode, selection: Selection) -> Origins:
    spans: dict[KeyPath, Span] = {}
    for key, node in tree.items.items():
        if key != "services":
            spans.update(walk(node, (key,), tree.key_span(key)))
    services = tree.get("services")
    if isinstance(services, MapNode):
        for name, node in {**selection.enabled, **selection.disabled}.items():
            spans.update(walk(node, ("services", name), services.key_span(name)))
    return Origins(spans)
