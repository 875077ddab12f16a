"""Which services are enabled: those without profiles, those whose profile is active, and those that the command line names."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from cais.compose import reading
from cais.compose.nodes import MapNode, Node

ALL_PROFILES = "*"


class Selection(msgspec.Struct, frozen=True):
    """The services by state, and the profiles that are active once the named services have brought theirs."""

    enabled: dict[str, MapNode]
    disabled: dict[str, MapNode]
    profiles: tuple[str, ...]


def select(tree: MapNode, profiles: Collection[str], named: Collection[str]) -> Selection:
    """Sort the services of `tree`. Naming a service activates its profiles (Compose Specification, 15-profiles.md)."""
    services = {name: node for name, node, _ in reading.entries(tree, "services") if isinstance(node, MapNode)}
    active = list(dict.fromkeys(profiles))
    for name in named:
        own = _profiles(services.get(name))
        if own and not _is_active(own, active):
            active += [profile for profile in own if profile not in active]
    enabled = {name: node for name, node in services.items() if _is_active(_profiles(node), active)}
    disabled = {name: node for name, node in services.items() if name not in enabled}
    return Selection(enabled, disabled, tuple(active))


def with_dependencies(services: Mapping[str, MapNode], named: Collection[str]) -> dict[str, MapNode]:
    """The services that are `named`, and those that they depend on; all when none is named."""
    if not named:
        return dict(services)
    wanted: set[str] = set()
    to_do = [name for name in named if name in services]
    while to_do:
        name = to_do.pop()
        wanted.add(name)
        depends = (other for other, _, _ in reading.entries(services[name], "depends_on"))
        to_do += [other for other in depends if other in services and other not in wanted]
    return {name: node for name, node in services.items() if name in wanted}


def _profiles(node: Node | None) -> list[str]:
    return [profile for profile, _ in reading.texts(node, "profiles")]


def _is_active(own: Collection[str], active: Collection[str]) -> bool:
    return not own or ALL_PROFILES in active or any(profile in active for profile in own)


def without_optional(service: MapNode, enabled: Collection[str]) -> MapNode:
    """`service` without the dependencies that it does not require and that are not enabled: they are none."""
    depends = service.get("depends_on")
    if not isinstance(depends, MapNode):
        return service
    kept = {
        name: entry
        for name, entry in depends.items.items()
        if name in enabled or reading.value(entry, "required") is not False
    }
    if len(kept) == len(depends.items):
        return service
    return service.replacing({**service.items, "depends_on": depends.replacing(kept)})
