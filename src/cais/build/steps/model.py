"""The steps of a stage: the instructions that may change files, after expansion. Everything they depend on stands in them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.build.gitaddress import GitAddress
from cais.build.sources import Context, Source
from cais.errors import Span


class CacheMount(msgspec.Struct, frozen=True, kw_only=True, tag="cache"):
    """A folder kept between builds. `sharing` is shared, private or locked; `seed` fills it when it is new."""

    target: str
    id: str
    sharing: str = "shared"
    read_only: bool = False
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    seed: Source | None = None
    seed_path: str = ""


class BindMount(msgspec.Struct, frozen=True, kw_only=True, tag="bind"):
    """Files of a context, a stage or an image; what is written to them is thrown away."""

    target: str
    source: Source = Context()
    path: str = ""
    read_only: bool = True


class TmpfsMount(msgspec.Struct, frozen=True, kw_only=True, tag="tmpfs"):
    """Memory that is gone afterwards."""

    target: str
    size_bytes: int | None = None


class SecretMount(msgspec.Struct, frozen=True, kw_only=True, tag="secret"):
    """A secret as a file (`target` not "") or a variable (`variable` not "")."""

    id: str
    target: str = ""
    variable: str = ""
    required: bool = False
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


class SshMount(msgspec.Struct, frozen=True, kw_only=True, tag="ssh"):
    """The socket of an SSH agent; `target` is "" for a place of its own."""

    id: str = "default"
    target: str = ""
    required: bool = False
    mode: int = 0o600
    uid: int = 0
    gid: int = 0


Mount = CacheMount | BindMount | TmpfsMount | SecretMount | SshMount


class InlineFile(msgspec.Struct, frozen=True):
    """A here-document that becomes a file."""

    name: str
    content: str


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    """Where the step stands, and its text as written, for messages. No part of what it does."""

    span: Span
    text: str

    @property
    def first_line(self) -> str:
        """The first line of the text."""
        return self.text.splitlines()[0] if self.text else ""


class RunStep(_Common, frozen=True, kw_only=True, tag="run"):
    """RUN. `script` is a here-document that is run as a program of its own (its name and content); `insecure` asks for all rights."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    user: str
    working_dir: str
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    insecure: bool = False
    script: InlineFile | None = None


class CopyStep(_Common, frozen=True, kw_only=True, tag="copy"):
    """COPY and ADD. `destination` is absolute; a slash at its end says that it is a folder. `order` is all of `sources`, `addresses` and
    `repositories` as written. `unpack` unpacks local archives; `addresses` are fetched, and unpacked with `unpack_fetched`. With `link` the layer stands for itself: nothing below it is looked at."""

    sources: tuple[str, ...]
    destination: str
    order: tuple[str | GitAddress, ...] = ()
    source: Source = Context()
    inline: tuple[InlineFile, ...] = ()
    chown: str = ""
    chmod: str = ""
    exclude: tuple[str, ...] = ()
    parents: bool = False
    unpack: bool = False
    addresses: tuple[str, ...] = ()
    repositories: tuple[GitAddress, ...] = ()
    unpack_fetched: bool = False
    checksum: str = ""
    link: bool = False


class WorkdirStep(_Common, frozen=True, kw_only=True, tag="workdir"):
    """WORKDIR: the folder is made for `user` unless it is there."""

    path: str
    user: str


Step = RunStep | CopyStep | WorkdirStep


def sources_of(step: Step) -> tuple[Source, ...]:
    """What the step takes files from."""
    if isinstance(step, CopyStep):
        return (step.source,) if step.sources else ()
    if isinstance(step, RunStep):
        bound = [mount.source for mount in step.mounts if isinstance(mount, BindMount)]
        seeds = [mount.seed for mount in step.mounts if isinstance(mount, CacheMount) and mount.seed is not None]
        return (*bound, *seeds)
    return ()
