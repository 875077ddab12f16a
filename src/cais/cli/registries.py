"""The registries file: how registries are reached, as YAML with the place of every mistake (docs/registries.md)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TypeVar

from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode, kind_of
from cais.compose.problems import Problems, nearest
from cais.compose.quantities import parse_size
from cais.compose.yamlreader import read
from cais.errors import InvalidInput
from cais.registry.settings import HostSettings

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[A-Fa-f0-9:]+\])(?::[0-9]{1,5})?")
_MIRROR = re.compile(rf"(?:https?://)?{_HOST.pattern}(?:/[a-z0-9._/-]*)?")

T = TypeVar("T")


def read_files(paths: tuple[str, ...]) -> Mapping[str, HostSettings]:
    """What the files say of each host; a later file's word on a host replaces an earlier one's. Raises InvalidInput with every mistake."""
    hosts: dict[str, HostSettings] = {}
    problems = Problems()
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as stream:
            hosts.update(parse(stream.read(), path, problems))
    if problems.errors:
        raise InvalidInput(problems.errors)
    return hosts


def parse(text: str, path: str, problems: Problems) -> dict[str, HostSettings]:
    """The hosts of one file. Paths in it are relative to its folder."""
    documents = read(text, path, problems)
    hosts: dict[str, HostSettings] = {}
    for document in documents:
        for key, node in _entries(document, ("registries",), "the registries file", problems):
            hosts.update(_hosts(node, os.path.dirname(os.path.abspath(path)), problems) if key == "registries" else {})
    return hosts


def _hosts(node: Node, folder: str, problems: Problems) -> dict[str, HostSettings]:
    hosts = {}
    for host, settings in _entries(node, None, '"registries"', problems):
        assert isinstance(node, MapNode)
        if not _HOST.fullmatch(host):
            problems.error(f'"{host}" is not a host', node.key_span(host), "write host or host:port, as in image names")
            continue
        hosts[host] = _settings(host, settings, folder, problems)
    return hosts


def _settings(host: str, node: Node, folder: str, problems: Problems) -> HostSettings:
    found = dict(_entries(node, ("mirrors", "insecure", "ca", "chunk"), f'registry "{host}"', problems))
    return HostSettings(
        mirrors=_mirrors(found["mirrors"], problems) if "mirrors" in found else (),
        insecure="insecure" in found and _one(found["insecure"], bool, "true or false", problems) is True,
        ca=_file(found["ca"], folder, problems) if "ca" in found else "",
        chunk_bytes=_size(found["chunk"], problems) if "chunk" in found else 0,
    )


def _entries(node: Node, known: tuple[str, ...] | None, what: str, problems: Problems) -> list[tuple[str, Node]]:
    if isinstance(node, ScalarNode) and node.value is None:
        return []
    if not isinstance(node, MapNode):
        problems.error(f"{what} must be a mapping, not {kind_of(node)}", node.span)
        return []
    for key in node.items:
        if known is not None and key not in known:
            hint = nearest(key, list(known)) or f"known: {', '.join(known)}"
            problems.error(f'unknown setting "{key}" in {what}', node.key_span(key), hint)
    return [(key, value) for key, value in node.items.items() if known is None or key in known]


def _mirrors(node: Node, problems: Problems) -> tuple[str, ...]:
    items = node.items if isinstance(node, ListNode) else (node,)
    texts = [_one(item, str, "text", problems) for item in items]
    for text, item in zip(texts, items, strict=True):
        if text is not None and not _MIRROR.fullmatch(text):
            hint = "write [https://]host[:port][/prefix]"
            problems.error(f'"{text}" is not the address of a mirror', item.span, hint)
    return tuple(text for text in texts if text is not None)


def _file(node: Node, folder: str, problems: Problems) -> str:
    text = _one(node, str, "a file", problems)
    if text is None:
        return ""
    path = os.path.join(folder, os.path.expanduser(text))
    if not os.path.isfile(path):
        problems.error(f'file "{text}" does not exist', node.span, "give a PEM file with the certificates to trust")
    return path


def _size(node: Node, problems: Problems) -> int:
    size_bytes = parse_size(node.text) if isinstance(node, ScalarNode) else None
    if size_bytes is None or size_bytes < 1:
        problems.error(f"{kind_of(node)} is not a size", node.span, "write 50m, 1g or a number of bytes")
        return 0
    return size_bytes


def _one(node: Node, kind: type[T], what: str, problems: Problems) -> T | None:
    if isinstance(node, ScalarNode) and isinstance(node.value, kind):
        return node.value
    problems.error(f"{what} is expected here, not {kind_of(node)}", node.span)
    return None
