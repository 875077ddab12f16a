"""Users and groups of a root file system, read from its own /etc/passwd and /etc/group (passwd(5), group(5))."""

from __future__ import annotations

import os
import stat

import msgspec

from cais.errors import CaisError
from cais.linux.rootpath import host_path

MAX_CHARACTERS = 16 << 20


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    home: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One line of group."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a process runs as. `home` is "" when passwd does not know the user."""

    uid: int
    gid: int
    additional_gids: tuple[int, ...] = ()
    home: str = ""


def parse_passwd(text: str) -> tuple[Account, ...]:
    """The well-formed lines of a passwd file; the C library skips the others too."""
    accounts = []
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= 6 and fields[2].isdecimal() and fields[3].isdecimal():
            accounts.append(Account(name=fields[0], uid=int(fields[2]), gid=int(fields[3]), home=fields[5]))
    return tuple(accounts)


def parse_group(text: str) -> tuple[Group, ...]:
    """The well-formed lines of a group file."""
    groups = []
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[2].isdecimal():
            members = tuple(name for name in fields[3].split(",") if name) if len(fields) > 3 else ()
            groups.append(Group(name=fields[0], gid=int(fields[2]), members=members))
    return tuple(groups)


def identify(
    user: str, accounts: tuple[Account, ...], groups: tuple[Group, ...], *, group_add: tuple[str, ...] = ()
) -> Identity:
    """Who `uid|name[:gid|name]` is, with the groups of `group_add` added. Raises CaisError for a name that is not there.

    As Docker: a number needs no entry; without a group the account's own and those it is a member of are taken, with a group only that one.
    The primary group is among the additional ones, so that giving up the others does not give up a restriction.
    """
    user_part, colon, group_part = user.partition(":")
    account = _account(user_part or "0", accounts)
    if account is None and not _is_number(user_part or "0"):
        raise CaisError(
            f'user "{user_part}" is not in the image\'s /etc/passwd', hint="name a user of the image, or use a number"
        )
    uid = account.uid if account else int(user_part or "0")
    gid = account.gid if account else 0
    more: list[int] = []
    if colon and group_part:
        gid = _gid(group_part, groups)
    elif account is not None:
        more = [group.gid for group in groups if account.name in group.members]
    more.extend(_gid(name, groups) for name in group_add)
    return Identity(
        uid=uid, gid=gid, additional_gids=tuple(dict.fromkeys([gid, *more])), home=account.home if account else ""
    )


def identify_in(root: str, user: str, *, group_add: tuple[str, ...] = ()) -> Identity:
    """`identify` with the files of the root file system `root`; files that are not there count as empty."""
    return identify(
        user,
        parse_passwd(_read(root, "/etc/passwd")),
        parse_group(_read(root, "/etc/group")),
        group_add=group_add,
    )


def _account(user: str, accounts: tuple[Account, ...]) -> Account | None:
    for account in accounts:
        if account.name == user:
            return account
    if _is_number(user):
        for account in accounts:
            if account.uid == int(user):
                return account
    return None


def _gid(name: str, groups: tuple[Group, ...]) -> int:
    for group in groups:
        if group.name == name:
            return group.gid
    if _is_number(name):
        return int(name)
    raise CaisError(
        f'group "{name}" is not in the image\'s /etc/group', hint="name a group of the image, or use a number"
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _read(root: str, path: str) -> str:
    # The root is not to be trusted: no waiting on a pipe, no endless file.
    try:
        fd = os.open(host_path(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    with open(fd, encoding="utf-8", errors="replace") as file:
        return file.read(MAX_CHARACTERS) if stat.S_ISREG(os.fstat(fd).st_mode) else ""
