from __future__ import annotations

import os
from pathlib import Path

import pytest

from cais.errors import CaisError
from cais.linux.users import Identity, identify, identify_in, parse_group, parse_passwd

PASSWD = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\nbroken line\n12:x:77:77::/odd:/bin/sh\n"
GROUP = "root:x:0:\nana:x:1000:\nwheel:x:10:root,ana\nvideo:x:44:\nshort:x\n"
ACCOUNTS, GROUPS = parse_passwd(PASSWD), parse_group(GROUP)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Identity(uid=0, gid=0, additional_gids=(0, 10), home="/root")),
        ("root", Identity(uid=0, gid=0, additional_gids=(0, 10), home="/root")),
        ("ana", Identity(uid=1000, gid=1000, additional_gids=(1000, 10), home="/home/ana")),
        ("1000", Identity(uid=1000, gid=1000, additional_gids=(1000, 10), home="/home/ana")),
        ("ana:video", Identity(uid=1000, gid=44, additional_gids=(44,), home="/home/ana")),
        ("ana:0", Identity(uid=1000, gid=0, additional_gids=(0,), home="/home/ana")),
        ("4242", Identity(uid=4242, gid=0, additional_gids=(0,))),
        ("4242:4343", Identity(uid=4242, gid=4343, additional_gids=(4343,))),
        ("12", Identity(uid=77, gid=77, additional_gids=(77,), home="/odd")),  # a name before a number, as Docker
    ],
)
def test_identity(user: str, expected: Identity) -> None:
    assert identify(user, ACCOUNTS, GROUPS) == expected


def test_groups_are_added_once() -> None:
    found = identify("ana", ACCOUNTS, GROUPS, group_add=("video", "10", "99"))
    assert found.additional_gids == (1000, 10, 44, 99)


@pytest.mark.parametrize(
    ("user", "named"), [("bob", 'user "bob"'), ("ana:staff", 'group "staff"'), ("-1", 'user "-1"')]
)
def test_unknown_names_are_errors(user: str, named: str) -> None:
    with pytest.raises(CaisError, match=named):
        identify(user, ACCOUNTS, GROUPS)


def test_files_may_be_missing_links_or_pipes(tmp_path: Path) -> None:
    assert identify_in(str(tmp_path), "5").uid == 5
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    assert identify_in(str(tmp_path), "5").home == ""
    (tmp_path / "etc/passwd").unlink()
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/passwd").write_text(PASSWD)
    (tmp_path / "etc/passwd").symlink_to("/usr/passwd")  # absolute in the root, not on the host
    assert identify_in(str(tmp_path), "ana").home == "/home/ana"
