"""Image references (`registry/repository:tag@digest`), with Docker's normalisation (distribution reference grammar)."""

from __future__ import annotations

import re

import msgspec

from cais.digest import Digest, parse_digest
from cais.errors import InvalidImage, UsageError

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library/"
_MAX_NAME_CHARACTERS = 255
_HEX_ID = re.compile(r"[a-f0-9]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_REGISTRY = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed reference: never without a registry, and never without both tag and digest. Made by `parse_reference`."""

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """Registry and repository: `docker.io/library/nginx`."""
        return f"{self.registry}/{self.repository}"

    @property
    def key(self) -> str:
        """What the store files the image under. A digest says more than a tag, so the tag beside one is left out, as Docker does."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: `nginx`, `grafana/loki`, `ghcr.io/a/b`."""
        if self.registry != DEFAULT_REGISTRY:
            return self.name
        return self.repository.removeprefix(_OFFICIAL) if self.repository.count("/") == 1 else self.repository

    @property
    def familiar(self) -> str:
        """The shortest form that parses to the same: `nginx:latest`."""
        return self.familiar_name + str(self).removeprefix(self.name)


def parse_reference(text: str) -> Reference:
    """`text` as a reference; `nginx` is `docker.io/library/nginx:latest`. Raises UsageError that names the part which is wrong."""
    name, at, digest_text = text.partition("@")
    name, tag = _split_tag(name)
    digest = _digest(digest_text, text) if at else None
    registry, repository = _split_registry(name)
    if not repository:
        raise _invalid(text, "it has no name", "write it as [registry/]name[:tag][@digest]")
    if _HEX_ID.fullmatch(name):
        raise _invalid(
            text,
            "64 hexadecimal digits are an image id, not a name",
            f"for the image with this id, write sha256:{name}",
        )
    _check_name(registry, repository, text)
    if tag is not None and not _TAG.fullmatch(tag):
        raise _invalid(
            text, f'tag "{tag}" is malformed', "a tag has up to 128 letters, digits, dots, dashes and underscores"
        )
    if tag is None:
        tag = "" if digest else DEFAULT_TAG
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


def _split_tag(name: str) -> tuple[str, str | None]:
    # A colon before the last slash belongs to a registry's port.
    colon = name.rfind(":")
    if colon > name.rfind("/"):
        return name[:colon], name[colon + 1 :]
    return name, None


def _split_registry(name: str) -> tuple[str, str]:
    # Docker's rule: the first part is a registry if it could not be a user's name there.
    first, slash, rest = name.partition("/")
    if slash and (any(mark in first for mark in ".:") or first == "localhost" or first.lower() != first):
        registry = DEFAULT_REGISTRY if first == f"index.{DEFAULT_REGISTRY}" else first
        repository = rest
    else:
        registry, repository = DEFAULT_REGISTRY, name
    if registry == DEFAULT_REGISTRY and repository and "/" not in repository:
        repository = _OFFICIAL + repository
    return registry, repository


def _check_name(registry: str, repository: str, text: str) -> None:
    if not _REGISTRY.fullmatch(registry):
        raise _invalid(
            text, f'registry "{registry}" is malformed', "a registry is a host name or address, with :port if need be"
        )
    if repository != repository.lower():
        raise _invalid(
            text, "the repository name must be lower case", f"write {repository.lower().removeprefix(_OFFICIAL)}"
        )
    for component in repository.split("/"):
        if not _COMPONENT.fullmatch(component):
            raise _invalid(
                text,
                f'part "{component}" of the name is malformed',
                "parts are lower-case letters and digits, separated by single dots, one or two underscores, or dashes",
            )
    if len(registry) + 1 + len(repository) > _MAX_NAME_CHARACTERS:
        raise _invalid(text, f"the name is longer than {_MAX_NAME_CHARACTERS} characters", "use a shorter name")


def _digest(digest_text: str, text: str) -> Digest:
    try:
        return parse_digest(digest_text)
    except InvalidImage as error:
        raise _invalid(text, error.message, "a digest is sha256: and 64 hexadecimal digits") from error


def _invalid(text: str, why: str, hint: str) -> UsageError:
    return UsageError(f'"{text[:300]}" is not an image reference: {why}', hint=hint)
