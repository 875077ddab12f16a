"""`include`: other Compose files, each with its own project directory and environment, whose parts become parts of this one (Compose Specification, 14-include.md)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.compose import dotenv, environment
from cais.compose.documents import Session, folder_of, load_text, read_text
from cais.compose.extends import extend
from cais.compose.forms.base import Context, absolute, is_remote
from cais.compose.merge import clean, merge
from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode, to_plain
from cais.errors import Span

_SECTIONS = ("services", "networks", "volumes", "secrets", "configs")


class _Request(msgspec.Struct, frozen=True):
    paths: tuple[tuple[str, Span], ...]
    base: str
    env_files: tuple[tuple[str, Span], ...] | None
    span: Span


def load_file(
    text: str, path: str, base: str, env: Mapping[str, str], session: Session, chain: tuple[str, ...] = ()
) -> MapNode | None:
    """The canonical tree of one Compose file with its `extends` and `include` followed."""
    tree = load_text(text, path, base, env, session)
    if tree is None:
        return None
    extended = extend(tree, path, env, session)
    requests = _requests(extended.get("include"), base, session)
    own = extended.replacing({key: value for key, value in extended.items.items() if key != "include"})
    for request in requests:
        part = _load(request, base, env, session, (*chain, path))
        own = _joined(own, part, session) if part is not None else own
    return own


def _requests(node: Node | None, base: str, session: Session) -> list[_Request]:
    made: list[_Request] = []
    for item in node.items if isinstance(node, ListNode) else ():
        entry = item.items if isinstance(item, MapNode) else {"path": item}
        paths = _paths(entry.get("path"), base, session)
        if not paths:
            session.problems.error('an include names no "path"', item.span)
            continue
        folder = entry.get("project_directory")
        context = Context(session.problems, base, session.home)
        own_base = absolute(str(folder.value), context) if isinstance(folder, ScalarNode) else folder_of(paths[0][0])
        env_files = _paths(entry["env_file"], base, session) if "env_file" in entry else None
        made.append(_Request(paths, own_base, env_files, item.span))
    return made


def _paths(node: Node | None, base: str, session: Session) -> tuple[tuple[str, Span], ...]:
    made: list[tuple[str, Span]] = []
    for item in node.items if isinstance(node, ListNode) else (node,):
        if not isinstance(item, ScalarNode) or not isinstance(item.value, str):
            continue
        if is_remote(item.value) or item.value.startswith("oci:"):
            session.problems.error(
                f'cannot include "{item.value}": it is not a local file', item.span, "fetch it, and include the copy"
            )
            continue
        made.append((absolute(item.value, Context(session.problems, base, session.home)), item.span))
    return tuple(made)


def _load(
    request: _Request, base: str, env: Mapping[str, str], session: Session, chain: tuple[str, ...]
) -> MapNode | None:
    own_env = _environment(request, base, env, session)
    merged: Node | None = None
    for path, span in request.paths:
        if path in chain:
            names = " -> ".join(session.shown(file) for file in (*chain[chain.index(path) :], path))
            session.problems.error(
                f"files include each other in a circle: {names}", span, "take one of the includes out"
            )
            continue
        text = read_text(path, session, span, "included file")
        tree = load_file(text, path, request.base, own_env, session, chain) if text is not None else None
        if tree is not None:
            merged = merge(merged, tree) if merged is not None else clean(tree)
    return environment.resolve(merged, own_env) if isinstance(merged, MapNode) else None


def _environment(request: _Request, base: str, env: Mapping[str, str], session: Session) -> Mapping[str, str]:
    """What the file's variables are: those of the including file go before those of its own env files."""
    files = request.env_files
    if files is None:
        default = f"{request.base}/.env"
        files = ((default, request.span),) if request.base != base and session.reader.exists(default) else ()
    own: dict[str, str] = {}
    for path, span in files:
        text = read_text(path, session, span, "env file")
        if text is not None:
            own |= dotenv.values(dotenv.parse(text, session.shown(path), {**own, **env}, session.problems))
    return {**own, **env}


def _joined(own: MapNode, part: MapNode, session: Session) -> MapNode:
    items = dict(own.items)
    for section in _SECTIONS:
        theirs, ours = part.get(section), own.get(section)
        if not isinstance(theirs, MapNode):
            continue
        have = ours.items if isinstance(ours, MapNode) else {}
        for name, node in theirs.items.items():
            if name in have and to_plain(clean(have[name])) != to_plain(node):
                place = ours.key_span(name) if isinstance(ours, MapNode) else own.span
                message = f'"{name}" of {section} is also defined, and otherwise, by the included file, at {theirs.key_span(name)}'
                session.problems.error(message, place, "to change what is included, use a compose.override.yaml")
        keys = {**theirs.keys, **(ours.keys if isinstance(ours, MapNode) else {})}
        items[section] = MapNode({**theirs.items, **have}, keys, ours.span if ours is not None else theirs.span)
    return own.replacing(items)
