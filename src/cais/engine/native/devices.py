"""`devices` and the devices of a privileged container, as the runtime takes them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from cais.engine.native.oci import Device, DeviceRule
from cais.errors import CaisError

# Under these the runtime mounts file systems of the container's own.
_OWN_FOLDERS = frozenset({"/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd"})
_STANDARD = frozenset(
    f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx")
)


def asked(devices: tuple[tuple[str, str, str], ...]) -> tuple[tuple[Device, ...], tuple[DeviceRule, ...]]:
    """Device nodes and rules for (host path, container path, permissions); a folder stands for all devices in it. Raises CaisError."""
    nodes: list[Device] = []
    rules: list[DeviceRule] = []
    for host, container, access in devices:
        if not set(access) <= set("rwm"):
            raise CaisError(f'device permissions "{access}" are not of "r", "w" and "m"')
        found = list(_nodes(host, container or host))
        if not found:
            raise CaisError(
                f'"{host}" is not a device', hint="name a device node, or a folder of them, of this machine"
            )
        nodes.extend(found)
        rules.extend(
            DeviceRule(allow=True, type=node.type, major=node.major, minor=node.minor, access=access or "rwm")
            for node in found
        )
    return tuple(nodes), tuple(rules)


_RULE = re.compile(r"([acb]) (\*|[0-9]+):(\*|[0-9]+) ([rwm]{1,3})")


def rule(text: str) -> DeviceRule:
    """A device rule as of `docker run --device-cgroup-rule`: `c 42:* rmw`. Raises CaisError."""
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise CaisError(
            f'device rule "{text}" is not of the form "TYPE MAJOR:MINOR ACCESS"',
            hint='write for example "c 42:* rmw": type a, c or b; numbers or *; access of r, w and m',
        )
    kind, major, minor, access = found.groups()
    numbers = [None if number == "*" else int(number) for number in (major, minor)]
    return DeviceRule(allow=True, type=kind, major=numbers[0], minor=numbers[1], access=access)


def all_of_host() -> tuple[Device, ...]:
    """Every device node of the host but the standard ones."""
    return tuple(node for node in _nodes("/dev", "/dev") if node.path not in _STANDARD)


def _nodes(host: str, container: str) -> Iterator[Device]:
    try:
        status = os.stat(host)
    except OSError:
        return
    if stat.S_ISDIR(status.st_mode):
        for name in sorted(os.listdir(host)):
            path = os.path.join(host, name)
            if path not in _OWN_FOLDERS and not os.path.islink(path):
                yield from _nodes(path, os.path.join(container, name))
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        yield Device(
            path=container,
            type="c" if stat.S_ISCHR(status.st_mode) else "b",
            major=os.major(status.st_rdev),
            minor=os.minor(status.st_rdev),
            file_mode=status.st_mode & 0o7777,
            uid=status.st_uid,
            gid=status.st_gid,
        )
