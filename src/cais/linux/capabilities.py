"""Linux capabilities by name (linux/capability.h), and how a set is changed as Docker does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cais.errors import CaisError

# In the kernel's order: the index is the number.
NAMES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
ALL = "ALL"


def normalise(name: str) -> str:
    """`net_admin` and `CAP_NET_ADMIN` as the latter, `all` as "ALL". Raises CaisError for what is no capability."""
    upper = name.upper()
    if upper == ALL:
        return ALL
    full = upper if upper.startswith("CAP_") else f"CAP_{upper}"
    if full not in NAMES:
        import difflib

        near = difflib.get_close_matches(full, NAMES, 1)
        raise CaisError(f'"{name}" is not a capability', hint=f'did you mean "{near[0]}"?' if near else None)
    return full


def tweak(basis: Sequence[str], add: Iterable[str], drop: Iterable[str], available: Iterable[str]) -> tuple[str, ...]:
    """`basis` with `add` and without `drop`, as Docker's --cap-add and --cap-drop; what is not in `available` cannot be given."""
    added = [normalise(name) for name in add]
    dropped = [normalise(name) for name in drop]
    able = tuple(available)
    if ALL in added:
        wanted = [name for name in able if name not in dropped]
    elif ALL in dropped:
        wanted = added
    else:
        wanted = [*(name for name in basis if name not in dropped), *(name for name in added if name not in basis)]
    missing = [name for name in wanted if name not in able and name in added]
    if missing:
        raise CaisError(
            f'this machine cannot give "{missing[0]}"', hint="Cais itself runs without it; remove it from cap_add"
        )
    return tuple(name for name in wanted if name in able)


def own_bounding_set() -> tuple[str, ...]:
    """What this process may hand on (proc_pid_status(5), CapBnd)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
        for line in stream:
            if line.startswith("CapBnd:"):
                return decode(int(line.split()[1], 16))
    return ()


def decode(mask: int) -> tuple[str, ...]:
    """The names of the bits set in `mask`; bits this table does not know are left out."""
    return tuple(name for number, name in enumerate(NAMES) if mask >> number & 1)
