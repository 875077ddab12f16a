"""The environment of services: names without a value are looked up, `env_file` and `label_file` are read below what the service itself says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cais.compose import dotenv
from cais.compose.documents import Session, read_text
from cais.compose.dotenv import Setting
from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode, scalar

_Parse = Callable[[str, str, Mapping[str, str]], dict[str, Setting]]


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
        known = {key: value for key, value in looked_up.items() if not _is_null(value)}
        items["build"] = build.replacing({**build.items, "args": arguments.replacing(known)})
    return service.replacing(items)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _looked_up(key: str, node: Node, env: Mapping[str, str]) -> Node:
    return scalar(env[key], node.span) if _is_null(node) and key in env else node


def with_files(service: MapNode, env: Mapping[str, str], session: Session) -> MapNode:
    """`service` with its `env_file` in `environment` and its `label_file` in `labels`; what the service says itself goes before."""
    items = dict(service.items)
    from_files = _env_files(service, env, session)
    if from_files:
        own = items.get("environment")
        items["environment"] = _below(from_files, own if isinstance(own, MapNode) else MapNode({}, {}, service.span))
    label_files = service.get("label_file")
    if isinstance(label_files, ListNode):
        found: dict[str, Setting] = {}
        for item in label_files.items:
            text = (
                read_text(str(item.value), session, item.span, "label_file") if isinstance(item, ScalarNode) else None
            )
            if text is not None and isinstance(item, ScalarNode):
                found |= dotenv.parse(text, session.shown(str(item.value)), {}, session.problems)
        own = items.get("labels")
        items["labels"] = _below(found, own if isinstance(own, MapNode) else MapNode({}, {}, service.span))
    return service.replacing(items)


def _below(found: Mapping[str, Setting], own: MapNode) -> MapNode:
    items: dict[str, Node] = {key: scalar(setting.value, setting.span) for key, setting in found.items()}
    items.update(own.items)
    keys = {key: setting.span for key, setting in found.items()} | own.keys
    return MapNode(items, keys, own.span)


def _env_files(service: MapNode, env: Mapping[str, str], session: Session) -> dict[str, Setting]:
    files = service.get("env_file")
    found: dict[str, Setting] = {}
    for item in files.items if isinstance(files, ListNode) else ():
        if not isinstance(item, MapNode):
            continue
        path, required, kind = (
            part.value if isinstance(part, ScalarNode) else None
            for part in map(item.get, ("path", "required", "format"))
        )
        if not isinstance(path, str) or (required is False and not session.reader.exists(path)):
            continue
        text = read_text(path, session, item.span, "env_file")
        if text is not None:
            parse = dotenv.parse_raw if kind == "raw" else dotenv.parse
            found |= parse(text, session.shown(path), {**dotenv.values(found), **env}, session.problems)
    return found
