"""Where Docker's default seccomp profile differs from the one containers-common ships, which is made for containers within containers.

containers-common allows every container what user namespaces within it need: new namespaces, mounts, and a kernel keyring. Docker's profile
(Docker's documentation, "Seccomp security profiles for Docker"; moby, profiles/seccomp) gives those only with the capability that they
need outside of a user namespace. A way from a new user namespace into the kernel is what most escapes begin with, so Docker's rule holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from cais.engine.native.oci import Seccomp, Syscall, SyscallArgument

ALLOW, REFUSE = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
EPERM, ENOSYS = 1, 38
AF_VSOCK = 40  # linux/socket.h: the way to the hypervisor, in no network namespace
# linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET
NEW_NAMESPACES = 0x7E020000

_ADMIN = frozenset({"CAP_SYS_ADMIN"})
_NICE = frozenset({"CAP_SYS_NICE"})

# Name -> the capabilities of which one is needed.
NEEDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount"), _ADMIN),
    **dict.fromkeys(("open_tree", "quotactl_fd", "setns", "umount", "umount2", "unshare"), _ADMIN),
    **dict.fromkeys(("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"), _NICE),
    "bpf": frozenset({"CAP_SYS_ADMIN", "CAP_BPF"}),
    "perf_event_open": frozenset({"CAP_SYS_ADMIN", "CAP_PERFMON"}),
    "syslog": frozenset({"CAP_SYS_ADMIN", "CAP_SYSLOG"}),
    "reboot": frozenset({"CAP_SYS_BOOT"}),
    "pidfd_getfd": frozenset({"CAP_SYS_PTRACE"}),
}
# What Docker gives to nobody: the keyring is not namespaced, and the root of a container has no business to change.
NEVER = frozenset({"keyctl", "pivot_root"})
# Allowed by Docker and unknown to, or refused by, older versions of containers-common.
ALSO = (
    *("cachestat", "fchmodat2", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "io_pgetevents"),
    *("io_pgetevents_time64", "map_shadow_stack", "vmsplice"),
)
_SPECIAL = frozenset({"clone", "clone3", "socket"})


def as_docker(seccomp: Seccomp, capabilities: AbstractSet[str], machine: str) -> Seccomp:
    """The containers-common filter of a container with `capabilities` on a `machine`, changed to what Docker's would be."""
    refused = {name for name, able in NEEDS.items() if able.isdisjoint(capabilities)} | NEVER
    admin = "CAP_SYS_ADMIN" in capabilities
    taken_out = refused | NEEDS.keys() | set(ALSO) | (_SPECIAL if not admin else {"socket"})
    rules = [
        msgspec.structs.replace(rule, names=names)
        for rule in seccomp.syscalls
        if (names := tuple(name for name in rule.names if name not in taken_out))
    ]
    rules.append(Syscall(names=(*ALSO, *sorted(NEEDS.keys() - refused)), action=ALLOW))
    rules.append(Syscall(names=("socket",), action=ALLOW, args=(_argument(0, AF_VSOCK, "SCMP_CMP_NE"),)))
    rules.append(Syscall(names=tuple(sorted(refused)), action=REFUSE, errno_ret=EPERM))
    if not admin:
        # The flags of clone3(2) lie in memory, where a filter cannot look. C libraries fall back to clone(2) when it is not there.
        rules.append(Syscall(names=("clone3",), action=REFUSE, errno_ret=ENOSYS))
        flags = 1 if machine == "s390x" else 0  # clone(2): there the first two arguments are the other way round
        # The argument, masked, is to be equal to the second value.
        no_namespaces = _argument(flags, NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ")
        rules.append(Syscall(names=("clone",), action=ALLOW, args=(no_namespaces,)))
    return msgspec.structs.replace(seccomp, syscalls=tuple(rules))


def _argument(index: int, value: int, operator: str) -> SyscallArgument:
    return SyscallArgument(index=index, value=value, value_two=0, op=operator)
