"""Attributes of a service that contradict each other, or lie outside what the kernel takes. The rules are Docker's, which has them when a container is made.

So a project that breaks one can be shown, but not run.
"""

from __future__ import annotations

import msgspec

from cais.compose import logoptions, prestart, reading
from cais.compose.nodes import MapNode, ScalarNode
from cais.compose.problems import Problems


class _Pair(msgspec.Struct, frozen=True):
    """With `first` (of the value `when`, "" for any), `second` must not be said."""

    first: str
    when: str
    second: str
    hint: str


class _Range(msgspec.Struct, frozen=True):
    """What a number must be between."""

    attribute: str
    lowest: int
    highest: int


_PAIRS = (
    _Pair("uts", "host", "hostname", "the host's name is not the container's to set"),
    _Pair("uts", "host", "domainname", "the host's name is not the container's to set"),
    _Pair("cpus", "", "cpu_quota", "cpus is a quota for a period of 100 ms"),
    _Pair("cpus", "", "cpu_period", "cpus is a quota for a period of 100 ms"),
)
_RANGES = (_Range("mem_swappiness", -1, 100),)  # others are in the schema


def contradictions(name: str, service: MapNode, problems: Problems) -> None:
    """Tell every pair of attributes that cannot both hold."""
    for pair in _PAIRS:
        first, second = service.get(pair.first), service.get(pair.second)
        if first is None or second is None or (pair.when and reading.value(first) != pair.when):
            continue
        shown = f'"{pair.first}: {pair.when}"' if pair.when else f'"{pair.first}"'
        message = f'service "{name}" has both {shown} and "{pair.second}"'
        problems.refuse(message, second.span, f"remove one of them: {pair.hint}")


def ranges(name: str, service: MapNode, problems: Problems) -> None:
    """Tell every number that is out of its range."""
    for row in _RANGES:
        node = service.get(row.attribute)
        if isinstance(node, ScalarNode) and isinstance(node.value, int) and not row.lowest <= node.value <= row.highest:
            message = (
                f'"{row.attribute}" of service "{name}" is {node.value}, not between {row.lowest} and {row.highest}'
            )
            problems.refuse(message, node.span)


def swap(name: str, service: MapNode, problems: Problems) -> None:
    """memswap_limit is memory and swap together, so it needs a memory limit and is not below it (Compose Specification, "memswap_limit")."""
    both = service.get("memswap_limit")
    if not isinstance(both, ScalarNode) or not isinstance(both.value, int) or both.value <= 0:
        return
    memory = reading.value(service, "mem_limit") or reading.value(service, "deploy", "resources", "limits", "memory")
    if not isinstance(memory, int):
        problems.refuse(f'service "{name}" has a "memswap_limit" without a "mem_limit"', both.span, "set both")
    elif both.value < memory:
        message = (
            f'"memswap_limit" of service "{name}" is less than its memory limit: it counts memory and swap together'
        )
        problems.refuse(message, both.span)


def cgroup_parent(name: str, service: MapNode, problems: Problems) -> None:
    """The parent is a path in the cgroup hierarchy, not a systemd slice."""
    node = service.get("cgroup_parent")
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return
    if ".." in node.value.split("/") or node.value.endswith(".slice"):
        message = f'"cgroup_parent" of service "{name}" is "{node.value}", which is no path of a cgroup'
        problems.refuse(message, node.span, "cgroups are made without systemd: write a path such as /my-group")


_RULES = (contradictions, ranges, swap, cgroup_parent, logoptions.check, prestart.check)


def check(name: str, service: MapNode, problems: Problems) -> None:
    """Refuse every contradiction of one service."""
    for rule in _RULES:
        rule(name, service, problems)
