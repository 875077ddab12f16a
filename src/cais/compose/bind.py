"""The last pass: a canonical tree becomes the frozen model. After it there are no dictionaries of anything."""

from __future__ import annotations

import re
import sys
from typing import TypeVar

import msgspec

from cais.compose import shapes
from cais.compose.model.models import Model
from cais.compose.model.resources import FileObject, Network, Volume
from cais.compose.model.service import Service
from cais.compose.nodes import MapNode, Node, Path, Plain, find, to_plain
from cais.compose.problems import Problems
from cais.compose.schema import where

_T = TypeVar("_T")
_STEP = re.compile(r"\.([^.\[\]`]+)|\[([0-9]+)\]|\.`([^`]*)`|\[\.\.\.\]")


def bind_service(name: str, node: MapNode, problems: Problems) -> Service | None:
    """The model of one service; None when it does not fit, which has then been told."""
    plain = shapes.service(_dictionary(to_plain(node)))
    return _bound({**plain, "name": name}, Service, node, ("services", name), problems)


def bind_network(key: str, node: MapNode, problems: Problems) -> Network | None:
    """The model of one network."""
    plain = {**_dictionary(to_plain(node)), "key": key}
    if isinstance(ipam := plain.pop("ipam", None), dict):
        named = {"config": "ipam", "driver": "ipam_driver", "options": "ipam_options"}
        plain.update({named[key]: value for key, value in ipam.items() if key in named})
    return _bound(plain, Network, node, ("networks", key), problems)


def bind_volume(key: str, node: MapNode, problems: Problems) -> Volume | None:
    """The model of one volume."""
    return _bound({**_dictionary(to_plain(node)), "key": key}, Volume, node, ("volumes", key), problems)


def bind_file(section: str, key: str, node: MapNode, problems: Problems) -> FileObject | None:
    """The model of one secret or config."""
    return _bound({**_dictionary(to_plain(node)), "key": key}, FileObject, node, (section, key), problems)


def bind_model(key: str, node: MapNode, problems: Problems) -> Model | None:
    """The model of one language model."""
    return _bound({**_dictionary(to_plain(node)), "key": key}, Model, node, ("models", key), problems)


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
