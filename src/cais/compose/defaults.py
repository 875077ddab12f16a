"""Puts in what a merged project leaves unsaid: names, the default network, the build context, and dependencies that other attributes imply."""

from __future__ import annotations

from cais.compose import reading
from cais.compose.nodes import MapNode, Node, ScalarNode, mapping, scalar
from cais.errors import Span

_RESOURCES = ("networks", "volumes", "secrets", "configs")
_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
SERVICE_PREFIX = "service:"


def complete(tree: MapNode, name: str) -> MapNode:
    """`tree` with its defaults put in. `name` is the project's."""
    items = dict(tree.items)
    services = items.get("services")
    if isinstance(services, MapNode):
        made = {key: _service(node) for key, node in services.items.items() if isinstance(node, MapNode)}
        items["services"] = services.replacing(made)
        if any(reading.child(service, "networks", "default") is not None for service in made.values()):
            networks = items.get("networks")
            known = networks if isinstance(networks, MapNode) else MapNode({}, {}, tree.span)
            items["networks"] = known.replacing({"default": scalar(None, tree.span), **known.items})
    for section in _RESOURCES:
        resources = items.get(section)
        if isinstance(resources, MapNode):
            items[section] = resources.replacing(
                {key: _named(key, node, name, resources.key_span(key)) for key, node in resources.items.items()}
            )
    return MapNode(items, tree.keys, tree.span)


def settle(tree: MapNode, folder: str) -> MapNode:
    """`tree` with what belongs to its own folder or is part of the long form: the context of builds, `required` of dependencies."""
    services = tree.get("services")
    if not isinstance(services, MapNode):
        return tree
    made = {key: _settled(node, folder) if isinstance(node, MapNode) else node for key, node in services.items.items()}
    return tree.replacing({**tree.items, "services": services.replacing(made)})


def _settled(service: MapNode, folder: str) -> MapNode:
    items = dict(service.items)
    build = items.get("build")
    if isinstance(build, MapNode) and "context" not in build.items:
        items["build"] = build.replacing({"context": scalar(folder or ".", build.span), **build.items})
    depends = items.get("depends_on")
    if isinstance(depends, MapNode):
        items["depends_on"] = depends.replacing({key: _required(entry) for key, entry in depends.items.items()})
    return service.replacing(items)


def _required(entry: Node) -> Node:
    if not isinstance(entry, MapNode) or "required" in entry.items:
        return entry
    return entry.replacing({**entry.items, "required": scalar(value=True, span=entry.span)})


def _named(key: str, node: Node, project: str, span: Span) -> Node:
    own = node if isinstance(node, MapNode) else MapNode({}, {}, span)
    if reading.text(own, "name"):
        return own
    full = key if reading.value(own, "external") is True else f"{project}_{key}"
    return own.replacing({**own.items, "name": scalar(full, span)})


def _service(node: MapNode) -> MapNode:
    items = dict(node.items)
    networks = items.get("networks")
    if (
        (networks is None or (isinstance(networks, MapNode) and not networks.items))
        and "network_mode" not in items
        and "provider" not in items
    ):
        items["networks"] = mapping({"default": scalar(None, node.span)}, node.span)
    build = items.get("build")
    if isinstance(build, MapNode) and not {"dockerfile", "dockerfile_inline"} & build.items.keys():
        items["build"] = build.replacing({**build.items, "dockerfile": scalar("Dockerfile", build.span)})
    policy = items.get("pull_policy")
    if isinstance(policy, ScalarNode) and policy.value == "if_not_present":
        items["pull_policy"] = scalar("missing", policy.span)
    implied = _implied(node)
    if implied:
        own = items.get("depends_on")
        known = own.items if isinstance(own, MapNode) else {}
        items["depends_on"] = (own if isinstance(own, MapNode) else MapNode({}, {}, node.span)).replacing(
            {**implied, **known}
        )
    return node.replacing(items)


def _implied(node: MapNode) -> dict[str, Node]:
    """A link, a volume or a namespace of another service means that it must have been started before."""
    found: dict[str, Node] = {}
    for link, span in reading.texts(node, "links"):
        found[link.partition(":")[0]] = _dependency(span, restart=True)
    for attribute in _NAMESPACES:
        value = node.get(attribute)
        if isinstance(value, ScalarNode) and isinstance(value.value, str) and value.value.startswith(SERVICE_PREFIX):
            found.setdefault(value.value.removeprefix(SERVICE_PREFIX), _dependency(value.span, restart=True))
    for source, span in reading.texts(node, "volumes_from"):
        if not source.startswith("container:"):
            found.setdefault(source.partition(":")[0], _dependency(span, restart=False))
    return found


def _dependency(span: Span, *, restart: bool) -> Node:
    items: dict[str, Node] = {"condition": scalar("service_started", span), "required": scalar(value=True, span=span)}
    if restart:
        items["restart"] = scalar(value=True, span=span)
    return mapping(items, span)
