"""Build arguments: which are known where, and with which value (Dockerfile reference, ARG: "Scope", "Predefined ARGs")."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.dockerfile.expand import expand
from cais.dockerfile.instructions import Arg, Dockerfile

# Known to RUN without an ARG, and left out of cache keys and history, because they say how to reach the network, not what to build.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
PREDEFINED = frozenset((*_PROXIES, *(name.lower() for name in _PROXIES)))
# What BuildKit's front end takes from arguments without an ARG (Dockerfile reference, "BuildKit built-in build args").
BUILT_IN = frozenset(
    f"BUILDKIT_{name}"
    for name in (
        "BUILD_NAME",
        "CACHE_MOUNT_NS",
        "CONTEXT_KEEP_GIT_DIR",
        "DOCKERFILE_CHECK",
        "GIT_ADVICE",
        "INLINE_CACHE",
        "MULTI_PLATFORM",
        "SANDBOX_HOSTNAME",
        "SYNTAX",
    )
)
_SPECIAL = PREDEFINED | BUILT_IN | {"SOURCE_DATE_EPOCH"}


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """What stages draw on: the values given by the caller, those of ARGs before the first FROM, and the automatic ones."""

    given: Mapping[str, str]
    outer: Mapping[str, str | None]
    automatic: Mapping[str, str]
    escape: str

    def of_from(self, name: str) -> str | None:
        """The value of `name` in a FROM line."""
        return self.outer[name] if name in self.outer else self.automatic.get(name)

    def declared(self, name: str, default: str | None) -> str | None:
        """The value an ARG in a stage gives to `name`; None leaves it unset."""
        if name in self.given:
            return self.given[name]
        if default is not None:
            return default
        return self.of_from(name)

    def predefined(self) -> Mapping[str, str]:
        """The proxy arguments the caller gave."""
        return {name: value for name, value in self.given.items() if name in PREDEFINED}


def read_arguments(dockerfile: Dockerfile, given: Mapping[str, str], automatic: Mapping[str, str]) -> Arguments:
    """The arguments of a build. A later ARG before the first FROM sees the earlier ones."""
    escape = dict(dockerfile.directives).get("escape", "\\")
    outer: dict[str, str | None] = {}
    for instruction in dockerfile.global_arguments:
        for name, default in instruction.arguments:
            known = {**automatic, **outer}
            value = None if default is None else expand(default, known.get, escape=escape, span=instruction.span)
            outer[name] = given.get(name, automatic.get(name) if value is None else value)
    return Arguments(given=given, outer=outer, automatic=automatic, escape=escape)


def unknown_arguments(dockerfile: Dockerfile, given: Mapping[str, str]) -> tuple[str, ...]:
    """The arguments given that no ARG of the Dockerfile asks for."""
    asked = {name for each in dockerfile.global_arguments for name, _ in each.arguments}
    for stage in dockerfile.stages:
        asked |= {name for each in stage.instructions if isinstance(each, Arg) for name, _ in each.arguments}
    return tuple(sorted(set(given) - asked - _SPECIAL))
