"""The last pass: a canonical tree becomes the frozen model. After it there are no dictionaries of anything."""

from __future__ import annotations

import re
import sys
from typing import TypeVar

import msgspec

from cais.compose.model.resources import FileObject, Network, Volume
from cais.compose.model.service import Service
from cais.compose.nodes import MapNode, Node, Path, Plain, find, to_plain
from cais.compose.problems import Problems
from cais.compose.schema import where

_T = TypeVar("_T")
_STEP = re.compile(r"\.([^.\[\]`]+)|\[([0-9]+)\]|\.`([^`]*)`|\[\.\.\.\]")


def bind_service(name: str, node: MapNode, problems: Problems) -> Service | None:
    """The model of one service; None when it does not fit, which has then been told."""
    plain = _dictionary(to_plain(node))
    for key in ("command", "entrypoint"):
        if plain.get(key, ()) is None:
            del plain[key]
    plain["name"] = name
    if "extra_hosts" in plain:
        plain["extra_hosts"] = _pairs(plain["extra_hosts"])
    if isinstance(files := plain.get("env_file"), list):
        plain["env_file"] = [file["path"] for file in files if isinstance(file, dict)]
    if isinstance(build := plain.get("build"), dict):
        _adapt_build(build)
    if isinstance(deploy := plain.get("deploy"), dict) and isinstance(resources := deploy.pop("resources", None), dict):
        deploy.update(resources)
    return _bound(plain, Service, node, ("services", name), problems)


def bind_network(key: str, node: MapNode, problems: Problems) -> Network | None:
    """The model of one network."""
    plain = {**_dictionary(to_plain(node)), "key": key}
    if isinstance(ipam := plain.get("ipam"), dict):
        plain["ipam"] = ipam.get("config", [])
        plain["ipam_driver"] = ipam.get("driver", "")
        plain["ipam_options"] = ipam.get("options", {})
    return _bound(plain, Network, node, ("networks", key), problems)


def bind_volume(key: str, node: MapNode, problems: Problems) -> Volume | None:
    """The model of one volume."""
    return _bound({**_dictionary(to_plain(node)), "key": key}, Volume, node, ("volumes", key), problems)


def bind_file(section: str, key: str, node: MapNode, problems: Problems) -> FileObject | None:
    """The model of one secret or config."""
    return _bound({**_dictionary(to_plain(node)), "key": key}, FileObject, node, (section, key), problems)


def _dictionary(plain: Plain) -> dict[str, Plain]:
    assert isinstance(plain, dict)
    return plain


def _interned(plain: Plain) -> Plain:
    """The same data with interned texts: msgspec leaves a default out when it is the same object, so that "tcp" written and "tcp" unsaid render and hash alike."""
    if isinstance(plain, str):
        return sys.intern(plain)
    if isinstance(plain, dict):
        return {key: _interned(value) for key, value in plain.items()}
    return [_interned(item) for item in plain] if isinstance(plain, list) else plain


def _adapt_build(build: dict[str, Plain]) -> None:
    if "extra_hosts" in build:
        build["extra_hosts"] = _pairs(build["extra_hosts"])
    if isinstance(limits := build.get("ulimits"), dict):
        build["ulimits"] = {
            key: [limit["soft"], limit["hard"]] for key, limit in limits.items() if isinstance(limit, dict)
        }


def _pairs(hosts: Plain) -> list[Plain]:
    if not isinstance(hosts, dict):
        return []
    return [
        [host, address] for host, addresses in hosts.items() if isinstance(addresses, list) for address in addresses
    ]


def _bound(plain: dict[str, Plain], model: type[_T], node: Node, at: Path, problems: Problems) -> _T | None:
    try:
        return msgspec.convert(_interned(plain), model)
    except msgspec.ValidationError as error:
        # the forms leave nothing that does not fit; should one do so, the user still learns where
        message, _, location = str(error).partition(" - at `$")
        path = tuple(
            int(index) if index else key or quoted
            for key, index, quoted in _STEP.findall(location)
            if key or index or quoted
        )
        problems.error(f"{where((*at, *path))}: {message[:1].lower()}{message[1:]}", find(node, path)[1])
        return None
