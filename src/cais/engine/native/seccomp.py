"""A seccomp profile in Docker's format turned into the runtime's filter. Pure.

The format is that of Docker's and containers-common's default profile: rules with conditions on capabilities, architectures and the
kernel's version, of which those that hold for this container are kept.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from cais import decoding
from cais.engine.native.oci import Seccomp, Syscall, SyscallArgument
from cais.errors import CaisError

DEFAULT_PROFILE = "/usr/share/containers/seccomp.json"

# The machine's name for itself -> Go's name, which profiles use, and libseccomp's.
_ARCHITECTURES: Mapping[str, tuple[str, str]] = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "armv7l": ("arm", "SCMP_ARCH_ARM"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
}


class _Argument(msgspec.Struct, frozen=True, rename="camel"):
    index: int
    value: int
    op: str
    value_two: int = 0


class _Condition(msgspec.Struct, frozen=True, rename="camel"):
    arches: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    min_kernel: str = ""


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    action: str
    names: tuple[str, ...] = ()
    name: str = ""
    args: tuple[_Argument, ...] | None = None
    includes: _Condition | None = None
    excludes: _Condition | None = None
    errno_ret: int | None = None


class _ArchitectureRow(msgspec.Struct, frozen=True, rename="camel"):
    architecture: str
    sub_architectures: tuple[str, ...] | None = None


class Profile(msgspec.Struct, frozen=True, rename="camel"):
    """A profile as read."""

    default_action: str
    syscalls: tuple[_Rule, ...] = ()
    default_errno_ret: int | None = None
    arch_map: tuple[_ArchitectureRow, ...] = ()
    architectures: tuple[str, ...] = ()


class Host(msgspec.Struct, frozen=True):
    """What a rule can depend on besides capabilities: `machine` as uname says it, the kernel's (major, minor)."""

    machine: str
    kernel: tuple[int, int]


def this_host() -> Host:
    """The machine this runs on."""
    return Host(machine=platform.machine(), kernel=_version(platform.release()))


def parse_profile(data: bytes, name: str) -> Profile:
    """The profile in `data`, which came from file `name`. Raises CaisError."""
    try:
        return decoding.decode(data, Profile)
    except msgspec.DecodeError as error:
        raise CaisError(
            f'"{name}" is not a seccomp profile: {error}', hint="use a profile in Docker's JSON format"
        ) from error


def read_profile(path: str = DEFAULT_PROFILE) -> Profile:
    """The profile in file `path`. Raises CaisError when it is missing or malformed."""
    try:
        with open(path, "rb") as stream:
            return parse_profile(stream.read(), path)
    except OSError as error:
        hint = (
            "apt-get install golang-github-containers-common"
            if path == DEFAULT_PROFILE
            else "name a profile that exists"
        )
        raise CaisError(f'cannot read the seccomp profile "{path}": {error.strerror}', hint=hint) from error


def compile_profile(profile: Profile, capabilities: AbstractSet[str], host: Host) -> Seccomp:
    """The filter for a container that has `capabilities` on `host`."""
    go_name, native = _ARCHITECTURES.get(host.machine, (host.machine, ""))
    return Seccomp(
        default_action=profile.default_action,
        default_errno_ret=profile.default_errno_ret,
        architectures=profile.architectures or _architectures(profile, native),
        syscalls=tuple(
            Syscall(
                names=rule.names or (rule.name,),
                action=rule.action,
                errno_ret=rule.errno_ret,
                args=tuple(
                    SyscallArgument(index=arg.index, value=arg.value, value_two=arg.value_two, op=arg.op)
                    for arg in rule.args or ()
                ),
            )
            for rule in profile.syscalls
            if _holds(rule, capabilities, go_name, host.kernel)
        ),
    )


def default_filter(capabilities: AbstractSet[str]) -> Seccomp:
    """Docker's default filter for a container with `capabilities` on this machine. Raises CaisError."""
    from cais.engine.native.dockerseccomp import as_docker

    host = this_host()
    return as_docker(compile_profile(read_profile(), capabilities, host), capabilities, host.machine)


def _architectures(profile: Profile, native: str) -> tuple[str, ...]:
    for row in profile.arch_map:
        if row.architecture == native:
            return (native, *(row.sub_architectures or ()))
    return (native,) if native else ()


def _holds(rule: _Rule, capabilities: AbstractSet[str], go_name: str, kernel: tuple[int, int]) -> bool:
    includes, excludes = rule.includes, rule.excludes
    if includes is not None:
        if includes.arches and go_name not in includes.arches:
            return False
        if not all(name in capabilities for name in includes.caps):
            return False
        if includes.min_kernel and kernel < _version(includes.min_kernel):
            return False
    if excludes is not None:
        if go_name in excludes.arches or not capabilities.isdisjoint(excludes.caps):
            return False
        if excludes.min_kernel and kernel >= _version(excludes.min_kernel):
            return False
    return True


def _version(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    return int(major or 0), int(minor or 0)
