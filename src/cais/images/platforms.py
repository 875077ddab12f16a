"""Platforms (`os/architecture/variant`, OCI image index) and the choice among them."""

from __future__ import annotations

import os

import msgspec

from cais.errors import InvalidImage, Problem, UsageError

# uname(2)'s machine to GOARCH, with the variant where the platform has one.
_MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
# The variant that goes without saying.
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


class Platform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an image runs on."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def fits(self, wanted: Platform) -> bool:
        """Whether an image for this platform runs on `wanted`; an older 32-bit ARM runs on a newer."""
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        default = _DEFAULT_VARIANTS.get(self.architecture, "")
        mine, theirs = self.variant or default, wanted.variant or default
        return mine <= theirs if self.architecture == "arm" else mine == theirs


def host_platform() -> Platform:
    """This machine's platform."""
    machine = os.uname().machine
    architecture, variant = _MACHINES.get(machine, (machine, ""))
    return Platform(os="linux", architecture=architecture, variant=variant)


def parse_platform(text: str) -> Platform:
    """`linux/arm64`, `linux/arm/v7`, or an architecture alone. Raises UsageError."""
    parts = text.lower().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    if len(parts) > 3 or not all(part.replace("-", "").replace("_", "").isalnum() for part in parts):
        raise UsageError(f'"{text}" is not a platform', hint="write it as os/architecture[/variant], as in linux/amd64")
    return Platform(os=parts[0], architecture=_ALIASES.get(parts[1], parts[1]), variant="".join(parts[2:]))


def best(offered: list[Platform], wanted: Platform) -> Platform:
    """The one of `offered` that suits `wanted` best. Raises InvalidImage that names what there is."""
    fitting = [platform for platform in offered if platform.fits(wanted)]
    if not fitting:
        names = ", ".join(sorted({str(platform) for platform in offered})) or "nothing"
        raise InvalidImage([Problem(f"there is no image for {wanted}", hint=f"there is one for: {names}")])
    return max(fitting, key=lambda platform: platform.variant)
