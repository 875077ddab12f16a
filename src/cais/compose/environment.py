"""The environment of services: names without a value are looked up, `env_file` and `label_file` are read below what the service itself says."""

from __future__ import annotations

import os.path
from collections.abc import Mapping

import msgspec

from cais.compose import dotenv, reading
from cais.compose.documents import Session, read_text
from cais.compose.dotenv import Setting
from cais.compose.nodes import MapNode, Node, is_null, scalar
from cais.compose.selection import Selection


def resolve(tree: MapNode, env: Mapping[str, str]) -> MapNode:
    """`tree` with the variables and build arguments that have a name only taken from `env`. An argument that is nowhere is left out, a variable is kept as unset."""
    services = tree.get("services")
    if not isinstance(services, MapNode):
        return tree
    made = {name: _resolved(service, env) for name, service in services.items.items()}
    return tree.replacing({**tree.items, "services": services.replacing(made)})


def _resolved(service: Node, env: Mapping[str, str]) -> Node:
    if not isinstance(service, MapNode):
        return service
    items = dict(service.items)
    variables = items.get("environment")
    if isinstance(variables, MapNode):
        items["environment"] = variables.replacing(
            {key: _looked_up(key, value, env) for key, value in variables.items.items()}
        )
    build = items.get("build")
    arguments = build.get("args") if isinstance(build, MapNode) else None
    if isinstance(build, MapNode) and isinstance(arguments, MapNode):
        looked_up = {key: _looked_up(key, value, env) for key, value in arguments.items.items()}
        known = {key: value for key, value in looked_up.items() if not is_null(value)}
        items["build"] = build.replacing({**build.items, "args": arguments.replacing(known)})
    return service.replacing(items)


def _looked_up(key: str, node: Node, env: Mapping[str, str]) -> Node:
    return scalar(env[key], node.span) if is_null(node) and key in env else node


def with_all_files(selection: Selection, env: Mapping[str, str], session: Session) -> Selection:
    """`selection` with the files of its enabled services read."""
    enabled = {key: with_files(node, env, session) for key, node in selection.enabled.items()}
    return msgspec.structs.replace(selection, enabled=enabled)


def with_files(service: MapNode, env: Mapping[str, str], session: Session) -> MapNode:
    """`service` with its `env_file` in `environment` and its `label_file` in `labels`; what the service says itself goes before."""
    items = dict(service.items)
    for attribute, found in (
        ("environment", _env_files(service, env, session)),
        ("labels", _label_files(service, session)),
    ):
        if found:
            own = items.get(attribute)
            items[attribute] = _below(found, own if isinstance(own, MapNode) else MapNode({}, {}, service.span))
    return service.replacing(items)


def _below(found: Mapping[str, Setting], own: MapNode) -> MapNode:
    """`own` with the settings behind it; a variable without a value is not set by a file that names it."""
    set_by_file = {key: setting for key, setting in found.items() if setting.value is not None}
    items: dict[str, Node] = {key: scalar(setting.value, setting.span) for key, setting in set_by_file.items()}
    for key, node in own.items.items():
        items[key] = msgspec.structs.replace(node, over=items[key]) if key in items and node.over is None else node
    keys = {key: setting.span for key, setting in set_by_file.items()} | own.keys
    return MapNode(items, keys, own.span, own.tag, own.over)


def _label_files(service: MapNode, session: Session) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for written, span in reading.texts(service, "label_file"):
        path = os.path.join(session.directory, written)
        text = read_text(path, session, span, "label_file")
        if text is not None:
            found |= dotenv.parse(text, session.shown(path), dotenv.values(found), session.problems)
    return found


def _env_files(service: MapNode, env: Mapping[str, str], session: Session) -> dict[str, Setting]:
    """What the files set. Their own variables are looked up in the caller's environment, the service's, and what the files said before."""
    own = {key: value for key, node, _ in reading.entries(service, "environment") if (value := reading.text(node))}
    found: dict[str, Setting] = {}
    for item in reading.items(service, "env_file"):
        path = os.path.join(session.directory, reading.text(item, "path"))
        if reading.value(item, "required") is False and not session.reader.exists(path):
            continue
        text = read_text(path, session, item.span, "env_file")
        if text is not None:
            parse = dotenv.parse_raw if reading.text(item, "format") == "raw" else dotenv.parse
            known = {**dotenv.values(found), **own, **env}
            found |= parse(text, session.shown(path), known, session.problems)
    return found
