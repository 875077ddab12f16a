"""What a build is asked for, and whom it asks for images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from cais.build.remotecache import CachePlace
from cais.errors import UsageError
from cais.images.model import StoredImage

# A fixed instant for builds that are given none: the first that a zip file can express, so that Python wheels can be made of
# what a build copies (docs/decisions/0020-builds.md).
DEFAULT_EPOCH_S = 315_532_800


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A build. Paths are absolute, but `dockerfile` may be relative to the context.

    `context` is a folder, an archive or an address; "" when only `dockerfile_text` is given. An argument of None takes the value of the same name in `environment`, which
    is the caller's: proxies, the place of its certificates and SOURCE_DATE_EPOCH come from there too. `contexts` are the same, or
    images as `docker-image://REFERENCE`. A secret is its content, or the path of a file. `ssh` gives agents by id: the path of a socket, or
    the paths of keys. `allow` are the rights a step may ask for (`network.host`, `security.insecure`). `ulimits` are (name, soft, hard).
    `host_ca` offers the machine's certificates and proxies to RUN. `text_name` is what messages call `dockerfile_text`, which is no file.
    """

    name: str
    context: str = ""
    dockerfile: str = "Dockerfile"
    dockerfile_text: str | None = None
    text_name: str = "Dockerfile"
    target: str = ""
    arguments: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    contexts: Mapping[str, str] = {}
    secrets: Mapping[str, bytes | str] = {}
    ssh: Mapping[str, tuple[str, ...]] = {}
    allow: frozenset[str] = frozenset()
    no_cache: bool = False
    no_cache_stages: tuple[str, ...] = ()
    pull: bool = False
    cache_from: tuple[CachePlace, ...] = ()
    cache_to: tuple[CachePlace, ...] = ()
    platform: str = ""
    extra_hosts: tuple[tuple[str, str], ...] = ()
    network: str = "default"
    shm_size_bytes: int = 64 << 20
    ulimits: tuple[tuple[str, int, int], ...] = ()
    host_ca: bool = True
    source_date_epoch: int | None = None
    environment: Mapping[str, str] = {}

    @property
    def given_arguments(self) -> Mapping[str, str]:
        """The build arguments that have a value."""
        found = {name: self.environment.get(name) if value is None else value for name, value in self.arguments.items()}
        return {name: value for name, value in found.items() if value is not None}


class ImageSource(Protocol):
    """Finds images for FROM, COPY --from and RUN --mount=from."""

    def resolve(self, reference: str, *, pull: bool = False) -> StoredImage:
        """From the store (unless `pull` asks for a newer one), else a registry, else a base recipe. Raises PullError."""


def agents_of(words: Iterable[str], environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """`default`, `ID=SOCKET` and `ID=KEY,KEY` as `BuildRequest.ssh`; an id alone is the agent of SSH_AUTH_SOCK. Raises UsageError."""
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, _, paths = word.partition("=")
        given = tuple(os.path.abspath(os.path.expanduser(path)) for path in paths.split(",") if path)
        if not given:
            agent = environment.get("SSH_AUTH_SOCK")
            if not agent:
                hint = f"start one with ssh-agent, or give a key: {name or 'default'}=KEYFILE"
                raise UsageError(f'there is no SSH agent for "{word}": SSH_AUTH_SOCK is not set', hint=hint)
            given = (agent,)
        found[name or "default"] = given
    return found


def epoch_of(request: BuildRequest) -> int:
    """The instant the image is dated with, in seconds: what was asked for, else SOURCE_DATE_EPOCH as a build argument or in the
    environment, else a fixed one. Raises UsageError when it is no number."""
    if request.source_date_epoch is not None:
        return request.source_date_epoch
    name = "SOURCE_DATE_EPOCH"
    text = request.given_arguments.get(name) or request.environment.get(name)
    if not text:
        return DEFAULT_EPOCH_S
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(
            f'SOURCE_DATE_EPOCH is "{text[:40]}"', hint="give it as whole seconds since 1970: git log -1 --format=%ct"
        )
    return int(text)
