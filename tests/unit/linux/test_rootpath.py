from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.linux.rootpath import host_path, resolve_in_root


@pytest.mark.parametrize(
    ("links", "path", "expected"),
    [
        ({}, "/a/b/c", "/a/b/c"),
        ({}, "a//./b", "/a/b"),
        ({}, "/../../etc", "/etc"),
        ({"etc/resolv.conf": "../run/resolv.conf"}, "/etc/resolv.conf", "/run/resolv.conf"),
        ({"var/run": "/run"}, "/var/run/x/y", "/run/x/y"),
        ({"out": "../../../../etc"}, "/out/passwd", "/etc/passwd"),
        ({"a": "b", "b": "c"}, "/a/x", "/c/x"),
        ({"a": "/"}, "/a/a/a/x", "/x"),
    ],
)
def test_links_stay_inside(tmp_path: Path, links: dict[str, str], path: str, expected: str) -> None:
    for name, target in links.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)
    assert resolve_in_root(str(tmp_path), path) == expected


def test_a_loop_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="/a/x"):
        resolve_in_root(str(tmp_path), "/a/x")


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b", "link"]), max_size=8))
def test_nothing_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "a").mkdir()
    (root / "a/link").symlink_to("../../..")
    (root / "link").symlink_to("../a/link/a")
    found = host_path(str(root), "/".join(parts))
    assert os.path.realpath(found).startswith(str(root))
