"""The settings of the kernel that IPv6 takes: of one interface, and of the machine that forwards."""

from __future__ import annotations

import contextlib
import errno
import os

_CONF = "/proc/sys/net/ipv6/conf"
_ADMITTED = (
    # Addresses are given, not announced, and the bridge's network has no other who might have them.
    ("accept_ra", "0"),
    ("autoconf", "0"),
    ("accept_dad", "0"),
    ("disable_ipv6", "0"),
)


def admit(interface: str) -> None:
    """Let an interface (of the calling thread's namespace) have IPv6 addresses. Raises OSError where the kernel has no IPv6."""
    if not os.path.isdir(_CONF):
        raise OSError(errno.EAFNOSUPPORT, "this machine has no IPv6", interface)
    for name, value in _ADMITTED:
        _write(f"{_CONF}/{interface}/{name}", value)


def forward() -> None:
    """Let the machine forward IPv6.

    A machine that forwards takes its own routes from announcements no more, unless told to (accept_ra 2): those that did go on doing so.
    """
    if _read(f"{_CONF}/all/forwarding") == "1":
        return
    for interface in os.listdir(_CONF):
        path = f"{_CONF}/{interface}/accept_ra"
        if interface != "all" and _read(path) == "1":
            with contextlib.suppress(FileNotFoundError):  # an interface that has just gone
                _write(path, "2")
    _write(f"{_CONF}/all/forwarding", "1")


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as setting:
            return setting.read().strip()
    except FileNotFoundError:
        return ""  # an interface that has just gone


def _write(path: str, value: str) -> None:
    if _read(path) != value:
        with open(path, "w", encoding="ascii") as setting:
            setting.write(value)
