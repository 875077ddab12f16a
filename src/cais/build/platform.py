"""The platform a build is for, and the arguments that tell it to a Dockerfile."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from cais.errors import BuildError, Span

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}
# Names that mean the same (containerd's platform normalisation).
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm/v6", "i386": "386"}


class Platform(msgspec.Struct, frozen=True):
    """Operating system, architecture, variant, in OCI's words."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def this_platform() -> Platform:
    """The platform of this machine."""
    machine = os.uname().machine
    return Platform("linux", *_ARCHITECTURES.get(machine, (machine, "")))


def parse_platform(text: str) -> Platform:
    """`linux/arm64`, `linux/arm/v7`, or an architecture alone."""
    parts = text.lower().split("/")
    if len(parts) == 1 and parts[0] != "linux":
        parts.insert(0, "linux")
    system, architecture, variant = (*parts, "", "")[:3]
    architecture = _ALIASES.get(architecture, architecture)
    if "/" in architecture:
        architecture, variant = architecture.split("/")
    return Platform(system, architecture, "" if (architecture, variant) == ("arm64", "v8") else variant)


def require_this(text: str, *, span: Span | None = None) -> Platform:
    """The platform `text` names ("" for this machine's). Raises BuildError when this machine cannot run it."""
    host = this_platform()
    if not text:
        return host
    wanted = parse_platform(text)
    if (wanted.os, wanted.architecture or host.architecture) != (host.os, host.architecture):
        raise BuildError(
            f'cannot build for platform "{text}" on {host}',
            span=span,
            hint=f"build for {host}, or on a machine of that kind",
        )
    return host


def automatic_arguments(target: Platform, stage: str) -> Mapping[str, str]:
    """The arguments every build has (Dockerfile reference, "Automatic platform ARGs in the global scope"); `stage` is the one to build."""
    found = {"TARGETSTAGE": stage}
    for prefix, platform in (("TARGET", target), ("BUILD", this_platform())):
        found[prefix + "PLATFORM"] = str(platform)
        found[prefix + "OS"] = platform.os
        found[prefix + "ARCH"] = platform.architecture
        found[prefix + "VARIANT"] = platform.variant
    return found
