"""What makes a container differ, as canonical JSON, its hash, and the difference of two of them in words.

The JSON stays with the container, so that a later plan can name the field that changed, its old and its new value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import msgspec

from cais.compose.model.project import KeyPath, Origins
from cais.compose.model.service import Service

# A change of these alone does not make a running container wrong: they say how many there are, in which order they
# start, when they are enabled, or how the image is made (the image's id is compared by itself).
NOT_PART_OF_A_CONTAINER = frozenset(
    {"build", "depends_on", "scale", "profiles", "pull_policy", "develop", "attach", "env_file", "platform"}
)
SHOWN_VALUE_LENGTH = 60
MASK = "***"
_SECRET_NAME = re.compile(r"passw|secret|token|credential|private|api_?key|access_?key|auth", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\w+://[^/:@\s]*:)[^/@\s]+@")


class Change(msgspec.Struct, frozen=True):
    """One field that differs. `old` and `new` are shown values, None where the field is absent."""

    path: KeyPath
    old: str | None
    new: str | None

    def words(self) -> str:
        """`environment.DEBUG changed from "0" to "1"`, `ports.1 added`, ..."""
        field = ".".join(str(part) for part in self.path)
        old, new = (None if value is None else masked(self.path, value) for value in (self.old, self.new))
        if old is None:
            return f"{field} added: {new}"
        if new is None:
            return f"{field} removed (was {old})"
        return f"{field} changed from {old} to {new}" if old != new else f"{field} changed (its value is a secret)"


def masked(path: KeyPath, shown: str) -> str:
    """`shown` without what must not stand in a log: the value of a variable named like a secret, the password of a URL."""
    if path and _SECRET_NAME.search(str(path[-1])):
        return MASK
    return _URL_PASSWORD.sub(rf"\1{MASK}@", shown)


def canonical_config(service: Service, extra: Mapping[str, object]) -> str:
    """The canonical JSON of what makes a container of `service` differ; `extra` adds resolved names (networks, volumes)."""
    tree = msgspec.to_builtins(service)
    kept = {key: value for key, value in tree.items() if key not in NOT_PART_OF_A_CONTAINER}
    deploy = kept.get("deploy")
    if isinstance(deploy, dict):
        deploy.pop("replicas", None)
    return msgspec.json.encode({**kept, **extra}, order="sorted").decode()


def config_hash(config: str) -> str:
    """The SHA-256 of a canonical config, in hexadecimal."""
    return hashlib.sha256(config.encode()).hexdigest()


def changes(old: str, new: str) -> tuple[Change, ...]:
    """What differs between two canonical configs, by path. An unreadable old one is one change of everything."""
    try:
        before = dict(_leaves(msgspec.json.decode(old), ()))
    except msgspec.DecodeError:
        return (Change((), "a configuration that Cais cannot read", "this one"),)
    after = dict(_leaves(msgspec.json.decode(new), ()))
    return tuple(
        Change(path, before.get(path), after.get(path))
        for path in sorted({*before, *after}, key=str)
        if before.get(path) != after.get(path)
    )


def describe(found: tuple[Change, ...], service: str, origins: Origins) -> str:
    """The first change with the line that set it, and how many more there are."""
    if not found:
        return "configuration changed"
    first = found[0]
    span = origins.of("services", service, *first.path) if first.new is not None else None
    where = f" ({span.file}:{span.line})" if span is not None else ""
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{first.words()}{where}{more}"


def _leaves(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(child, (*path, str(key)))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from _leaves(child, (*path, index))
    else:
        text = msgspec.json.encode(value).decode()
        yield path, text if len(text) <= SHOWN_VALUE_LENGTH else text[: SHOWN_VALUE_LENGTH - 1] + "…"
