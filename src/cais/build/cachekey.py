"""The identity of a step's result: a function of what it depends on, which can be called, printed and compared. Pure.

What is left out, and why:
- the step's place and text as written: a comment or a line break changes no file;
- times of modification: they differ between checkouts of the same files (they are clamped when a layer becomes a tar);
- proxies, the host's certificates, extra hosts, the size of /dev/shm: how the network and the machine are reached, not what is built;
- secrets' content, and who speaks for SSH: a changed password must not be readable from a key, nor rebuild everything (as BuildKit);
- a download's checksum: the content that it was compared with is in the key;
- the content of cache mounts: they may only make a build faster;
- labels, CMD, EXPOSE and all else that only the image config says: no file depends on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from cais.build.gitaddress import GitAddress
from cais.build.steps.model import CopyStep, RunStep, Step, WorkdirStep
from cais.dockerfile.secretnames import looks_secret

_VERSION = "1"
_SHOWN_CHARACTERS = 40


class Components(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a key is made of, each with a name that can be shown: the step before, what is done, and the digests of what goes in."""

    parent: str
    what: str
    details: Mapping[str, str] = {}
    environment: Mapping[str, str] = {}
    inputs: Mapping[str, str] = {}


class CacheKey(msgspec.Struct, frozen=True):
    """A key with its components."""

    digest: str
    components: Components

    def __str__(self) -> str:
        return self.digest


def base_key(image_id: str, epoch_s: int) -> str:
    """The key of a stage that begins with an image ("" for scratch); every layer on it is dated with `epoch_s`."""
    return hashlib.sha256(f"{_VERSION} base {image_id} {epoch_s}".encode()).hexdigest()


def cache_key(step: Step, parent: str, inputs: Mapping[str, str]) -> CacheKey:
    """The key of `step` after the step with key `parent`. `inputs` are digests of the files it takes, by a name for people."""
    components = _components(step, parent, inputs)
    return CacheKey(hashlib.sha256(_VERSION.encode() + _encode(components)).hexdigest(), components)


def differences(old: Components, new: Components) -> tuple[str, ...]:
    """What makes `new` another key than `old`, in words; () when only what came before differs, or nothing."""
    if old.what != new.what:
        return ("the instruction changed",)
    found = [f'"{name}" {how}' for name, how in changes(old.inputs, new.inputs)]
    found += [
        f'variable "{name}" {how}{_values(name, old, new)}' for name, how in changes(old.environment, new.environment)
    ]
    found += [f"its {name} changed" for name, _ in changes(old.details, new.details)]
    return tuple(found)


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The names whose values are otherwise, sorted, each with how: "is new", "is gone" or "changed"."""
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return tuple((name, "is new" if name not in old else "is gone" if name not in new else "changed") for name in names)


def _values(name: str, old: Components, new: Components) -> str:
    """The old and the new value of a variable, unless its name says that it is nobody's business."""
    values = (old.environment.get(name, ""), new.environment.get(name, ""))
    if looks_secret(name) or not all(values) or max(map(len, values)) > _SHOWN_CHARACTERS:
        return ""
    return f' from "{values[0]}" to "{values[1]}"'


def _components(step: Step, parent: str, inputs: Mapping[str, str]) -> Components:
    if isinstance(step, RunStep):
        details = {
            "command": _shown(step.argv),
            "user": step.user,
            "WORKDIR": step.working_dir,
            "network": step.network,
            "insecure": str(step.insecure),
            "mounts": _shown(step.mounts),
            "script": _shown(step.script),
        }
        return Components(parent=parent, what="RUN", details=details, environment=step.environment, inputs=inputs)
    if isinstance(step, CopyStep):
        details = {
            "sources": _shown(step.sources),
            "destination": step.destination,
            "here-documents": _shown(step.inline),
            "owner": step.chown,
            "mode": step.chmod,
            "exclude": _shown(step.exclude),
            "parents": str(step.parents),
            "unpack": str(step.unpack),
            "addresses": _shown(step.addresses),
            "repositories": _shown(step.repositories),
            "unpack fetched": str(step.unpack_fetched),
            "link": str(step.link),
        }
        kinds = _kinds(step)
        if len(set(kinds)) > 1:  # within a kind the order is in the detail of that kind
            details["order"] = _shown(kinds)
        return Components(parent=parent, what="COPY", details=details, inputs=inputs)
    assert isinstance(step, WorkdirStep)
    return Components(parent=parent, what="WORKDIR", details={"path": step.path, "user": step.user})


def _kinds(step: CopyStep) -> list[str]:
    """What each source is, in the order in which they are copied: a later one replaces files of an earlier one."""
    return [
        "repository" if isinstance(source, GitAddress) else "address" if source in step.addresses else "path"
        for source in step.order
    ]


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode() if value else ""


def _encode(components: Components) -> bytes:
    return msgspec.json.encode(components, order="deterministic")
