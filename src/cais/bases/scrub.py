"""Takes out of a new root what depends on when and where it was made, so that the same packages give the same layer."""

from __future__ import annotations

import os
import re
import shutil
import stat

# Folders whose content goes while they stay.
_EMPTIED = (
    "/dev",
    "/proc",
    "/sys",
    "/tmp",
    "/var/tmp",
    "/var/cache/apt",
    "/var/lib/apt/lists",
    "/var/cache/ldconfig",
    "/var/lib/systemd",
)
# Files that are written anew by whatever needs them, or belong to the machine.
_REMOVED = (
    *("/etc/hostname", "/etc/resolv.conf", "/etc/machine-id", "/var/lib/dbus/machine-id"),
    *(
        "/etc/apt/apt.conf.d/99mmdebstrap",
        "/etc/apt/sources.list.d/0000sources.list",
        "/etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    ),
    *("/var/cache/debconf/config.dat-old", "/var/cache/debconf/templates.dat-old"),
    *("/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old", "/var/lib/dpkg/statoverride-old"),
    *("/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock"),
    *("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock"),
    "/run/adduser",
)


def scrub(root: str) -> None:
    """Clean `root`. Log files are removed, their folders kept."""
    for path in _EMPTIED:
        _empty(root + path)
    for path in _REMOVED:
        if os.path.lexists(root + path):
            os.unlink(root + path)
    for folder, _, names in os.walk(root + "/var/log"):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                os.unlink(path)
    _forget_temporary_names(root + "/var/cache/debconf/config.dat")


def _forget_temporary_names(answers: str) -> None:
    """ucf asks debconf about a new version of a settings file by the random name under which it was unpacked."""
    if not os.path.isfile(answers):
        return
    with open(answers, "rb") as stream:
        text = stream.read()
    changed = re.sub(rb"(?m)^( NEW = /tmp/[^.\n]+)\..*$", rb"\1", text)
    if changed != text:
        with open(answers, "wb") as stream:
            stream.write(changed)


def _empty(folder: str) -> None:
    if not os.path.isdir(folder) or os.path.islink(folder):
        return
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def content_time(folder: str, before_s: float) -> int:
    """The newest modification time of a file in `folder` that is older than `before_s`, in whole seconds since the epoch; 0 when there is none.

    Files from packages keep the time they were packed at, so this depends on the packages alone; what was written during the making
    is newer than `before_s`.
    """
    newest = 0.0
    for parent, _, names in os.walk(folder):
        for name in names:
            modified = os.lstat(os.path.join(parent, name)).st_mtime
            if newest < modified < before_s:
                newest = modified
    return int(newest)
