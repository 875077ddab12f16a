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

from cais.build.steps.model import CopyStep, RunStep, Step, WorkdirStep

_VERSION = "1"


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
    """What makes `new` another key than `old`, in words; () when they are the same."""
    found: list[str] = []
    if old.what != new.what:
        return ("the instruction changed",)
    for title, before, after in (
        ("", old.inputs, new.inputs),
        ("variable ", old.environment, new.environment),
        ("", old.details, new.details),
    ):
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                how = "is new" if name not in before else "is gone" if name not in after else "changed"
                found.append(f'{title}"{name}" {how}')
    if not found and old.parent != new.parent:
        found.append("a step before it changed")
    return tuple(found)


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
        return Components(parent=parent, what="COPY", details=details, inputs=inputs)
    assert isinstance(step, WorkdirStep)
    return Components(parent=parent, what="WORKDIR", details={"path": step.path, "user": step.user})


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode() if value else ""


def _encode(components: Components) -> bytes:
    return msgspec.json.encode(components, order="deterministic")
