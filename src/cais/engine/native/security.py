"""`security_opt` read (docker run --security-opt). Pure, but for `on_this_host`."""

from __future__ import annotations

import os

import msgspec

from cais.errors import CaisError

_LABELS = ("user", "role", "type", "level", "filetype")


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say. `seccomp` is "" for the default profile, "unconfined", or a file."""

    no_new_privileges: bool = False
    seccomp: str = ""
    apparmor: str = ""
    unmask: bool = False
    labels: tuple[str, ...] = ()


def parse_security(options: tuple[str, ...]) -> Security:
    """The meaning of `options`. Raises CaisError for one that is not understood: a security option is never dropped."""
    security = Security()
    for option in options:
        name, value = _split(option)
        if name == "no-new-privileges":
            security = msgspec.structs.replace(security, no_new_privileges=_truth(option, value))
        elif name == "seccomp" and value:
            security = msgspec.structs.replace(security, seccomp="" if value == "builtin" else value)
        elif name == "apparmor" and value:
            security = msgspec.structs.replace(security, apparmor="" if value == "unconfined" else value)
        elif name == "systempaths" and value == "unconfined":
            security = msgspec.structs.replace(security, unmask=True)
        elif name == "label" and value == "disable":
            continue  # Cais sets no SELinux labels, so there is nothing to switch off
        elif name == "label" and value.partition(":")[0] in _LABELS:
            security = msgspec.structs.replace(security, labels=(*security.labels, value))
        else:
            raise CaisError(
                f'security option "{option}" is not supported',
                hint='use "no-new-privileges", "seccomp=FILE", "seccomp=unconfined", "apparmor=PROFILE" or "systempaths=unconfined"',
            )
    return security


def on_this_host(security: Security, warnings: list[str]) -> Security:
    """`security` without what only another kernel could do, as Docker; it goes to `warnings`. Raises CaisError for SELinux labels where there is SELinux."""
    if security.labels and os.path.isdir("/sys/fs/selinux"):
        raise CaisError(
            f'security option "label={security.labels[0]}" is not supported: Cais sets no SELinux labels',
            hint="use label=disable",
        )
    if security.labels:
        warnings.append("security option label has no effect: this machine has no SELinux")
    if security.apparmor and not _has_apparmor():
        warnings.append("security option apparmor has no effect: this machine has no AppArmor")
        return msgspec.structs.replace(security, apparmor="")
    return security


def _has_apparmor() -> bool:
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as stream:
            return stream.read().strip() == "Y"
    except FileNotFoundError:
        return False


def _split(option: str) -> tuple[str, str]:
    # Docker also takes the older "name:value".
    for separator in "=:":
        name, found, value = option.partition(separator)
        if found:
            return name, value
    return option, ""


def _truth(option: str, value: str) -> bool:
    if value in ("", "true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise CaisError(f'security option "{option}" is neither true nor false')
