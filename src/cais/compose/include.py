"""`include`: other Compose files, each with its own project directory and environment, whose parts become parts of this one (Compose Specification, 14-include.md)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.compose import dotenv, environment
from cais.compose.defaults import settle
from cais.compose.documents import Session, folder_of, load_documents, read_text
from cais.compose.dotenv import Setting
from cais.compose.extends import extend
from cais.compose.forms.base import Context, absolute, is_remote
from cais.compose.merge import SECTIONS, clean, merge
from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode, to_plain
from cais.compose.variables import Variables, as_variables
from cais.errors import Span


class _Request(msgspec.Struct, frozen=True):
    paths: tuple[tuple[str, Span], ...]
    folder: str
    env_files: tuple[tuple[str, Span], ...] | None
    span: Span


def load_file(
    text: str, path: str, folder: str, env: Mapping[str, str], session: Session, chain: tuple[str, ...] = ()
) -> list[MapNode]:
    """The canonical trees of a file's documents, with their `extends` and `include` followed. Relative paths begin at `folder`.

    The trees are to be merged in order over what the files before have given, and keep their `!reset` and `!override` for that.
    """
    return [
        _included(extend(tree, path, folder, env, session), folder, env, session, (*chain, path))
        for tree in load_documents(text, path, folder, env, session)
    ]


def _included(tree: MapNode, folder: str, env: Mapping[str, str], session: Session, chain: tuple[str, ...]) -> MapNode:
    own = tree.replacing({key: value for key, value in tree.items.items() if key != "include"})
    for request in _requests(tree.get("include"), folder, env, session):
        part = _load(request, env, session, chain)
        own = _joined(own, part, session) if part is not None else own
    return own


def _requests(node: Node | None, folder: str, env: Mapping[str, str], session: Session) -> list[_Request]:
    made: list[_Request] = []
    for item in node.items if isinstance(node, ListNode) else ():
        entry = item.items if isinstance(item, MapNode) else {"path": item}
        paths = _paths(entry.get("path"), folder, env, session)
        if not paths:
            session.problems.error('an include names no "path"', item.span)
            continue
        own = entry.get("project_directory")
        context = Context(session.problems, folder, session.home)
        own_folder = (
            absolute(session.path_text(str(own.value), env), context)
            if isinstance(own, ScalarNode)
            else folder_of(paths[0][0])
        )
        env_files = _paths(entry["env_file"], folder, env, session) if "env_file" in entry else None
        made.append(_Request(paths, own_folder, env_files, item.span))
    return made


def _paths(node: Node | None, folder: str, env: Mapping[str, str], session: Session) -> tuple[tuple[str, Span], ...]:
    made: list[tuple[str, Span]] = []
    for item in node.items if isinstance(node, ListNode) else (node,):
        if not isinstance(item, ScalarNode) or not isinstance(item.value, str):
            continue
        written = session.path_text(item.value, env)
        if is_remote(written) or written.startswith("oci:"):
            session.problems.error(
                f'cannot include "{written}": it is not a local file', item.span, "fetch it, and include the copy"
            )
            continue
        made.append((absolute(written, Context(session.problems, folder, session.home)), item.span))
    return tuple(made)


def _load(request: _Request, env: Mapping[str, str], session: Session, chain: tuple[str, ...]) -> MapNode | None:
    own_env = _environment(request, env, session)
    merged: Node | None = None
    for path, span in request.paths:
        if path in chain:
            names = " -> ".join(session.shown(file) for file in (*chain[chain.index(path) :], path))
            session.problems.error(
                f"files include each other in a circle: {names}", span, "take one of the includes out"
            )
            continue
        text = read_text(path, session, span, "included file")
        for tree in load_file(text, path, request.folder, own_env, session, chain) if text is not None else ():
            merged = merge(merged, tree) if merged is not None else clean(tree)
    if not isinstance(merged, MapNode):
        return None
    return settle(environment.resolve(merged, own_env), session.context(request.folder).base)


def _environment(request: _Request, env: Mapping[str, str], session: Session) -> Variables:
    """What the file's variables are: those of the including file go before those of its own env files."""
    known = as_variables(env)
    files = request.env_files
    if files is None:
        default = f"{request.folder}/.env"
        files = ((default, request.span),) if session.reader.exists(default) else ()
    found: dict[str, Setting] = {}
    for path, span in files:
        text = read_text(path, session, span, "env file")
        if text is not None:
            found |= dotenv.parse(text, session.shown(path), {**dotenv.values(found), **known}, session.problems)
    return dotenv.below(known, found)


def _joined(own: MapNode, part: MapNode, session: Session) -> MapNode:
    items = dict(own.items)
    for section in SECTIONS:
        theirs, ours = part.get(section), own.get(section)
        if not isinstance(theirs, MapNode):
            continue
        have = ours.items if isinstance(ours, MapNode) else {}
        for name, node in theirs.items.items():
            if name in have and to_plain(clean(have[name], (section, "*"))) != to_plain(node):
                place = ours.key_span(name) if isinstance(ours, MapNode) else own.span
                message = f'"{name}" of {section} is also defined, and otherwise, by the included file, at {theirs.key_span(name)}'
                session.problems.error(message, place, "to change what is included, use a compose.override.yaml")
        keys = {**theirs.keys, **(ours.keys if isinstance(ours, MapNode) else {})}
        items[section] = MapNode({**theirs.items, **have}, keys, ours.span if ours is not None else theirs.span)
    return own.replacing(items)
