"""Leaves out networks, volumes, secrets, configs and models that no enabled service uses: nobody makes them, and nobody asks for what they need."""

from __future__ import annotations

from collections.abc import Iterator

from cais.compose import reading
from cais.compose.nodes import MapNode, Node

_SECTIONS = ("networks", "volumes", "secrets", "configs", "models")


def without_unused(tree: MapNode) -> MapNode:
    """`tree` with those of its resources that its services refer to; a section that becomes empty is left out."""
    used = {use for _, service, _ in reading.entries(tree, "services") for use in _uses(service)}
    items: dict[str, Node] = {}
    for key, node in tree.items.items():
        if key in _SECTIONS and isinstance(node, MapNode):
            kept = {name: item for name, item in node.items.items() if (key, name) in used}
            if kept:
                items[key] = node.replacing(kept)
        else:
            items[key] = node
    return tree.replacing(items)


def _uses(service: Node) -> Iterator[tuple[str, str]]:
    """The section and the name of each resource that `service` refers to."""
    for section in ("networks", "models"):
        for name, _, _ in reading.entries(service, section):
            yield section, name
    for mount in reading.items(service, "volumes"):
        if reading.text(mount, "type") == "volume":
            yield "volumes", reading.text(mount, "source")
    for section, path in (("secrets", ("secrets",)), ("configs", ("configs",)), ("secrets", ("build", "secrets"))):
        for reference in reading.items(service, *path):
            yield section, reading.text(reference, "source")
