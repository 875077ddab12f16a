from pathlib import Path

import pytest

from cais.bases.archive import (
    Archive,
    acquire_options,
    apt_config,
    find_archive,
    image_sources,
    installed_versions,
    packed_time,
    source_lines,
    upstream_version,
)
from cais.bases.sources import Mirror
from cais.errors import HostError

ARCHIVE = Archive("trixie", Mirror("http://m/debian", "http://m/debian-security"), "/state/trixie")


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1.26.3-3+deb13u1", "1.26.3"),
        ("17.12-0+deb13u1", "17.12"),
        ("5:8.0.2-3", "8.0.2"),
        ("1.5.7+dfsg-1", "1.5.7"),
        ("3.25", "3.25"),
        ("2:1.0~rc1-1", "1.0"),
    ],
)
def test_upstream_version(version: str, upstream: str) -> None:
    assert upstream_version(version) == upstream


def test_sources_cover_updates_and_security() -> None:
    assert source_lines(ARCHIVE).splitlines() == [
        "deb http://m/debian trixie main",
        "deb http://m/debian trixie-updates main",
        "deb http://m/debian-security trixie-security main",
    ]


def test_the_machines_way_of_downloading_is_kept_but_never_its_laxity() -> None:
    dump = """\
Acquire "";
Acquire::http::Proxy "http://proxy:3128";
Acquire::Check-Valid-Until "false";
Acquire::AllowInsecureRepositories "1";
Acquire::Languages:: "none";
Acquire::IndexTargets::deb::DEP-11::MetaKey "x";
DPkg::Post-Invoke:: "rm -rf /var/cache/apt";
"""
    assert acquire_options(dump) == ('Acquire::http::Proxy "http://proxy:3128";', 'Acquire::Check-Valid-Until "false";')


def test_apt_touches_nothing_of_the_machine() -> None:
    text = apt_config(ARCHIVE, "/root-being-made", ())
    assert 'Dir::State::status "/root-being-made/var/lib/dpkg/status";' in text
    assert 'DPkg::Chroot-Directory "/root-being-made";' in text
    assert 'Dir::Etc::parts "/state/trixie/empty";' in text


def test_no_mirror_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://archive.example/ubuntu noble main\n")
    with pytest.raises(HostError, match="no Debian mirror is named") as caught:
        find_archive("trixie", "/state", etc_apt=str(tmp_path))
    assert "cais image import" in str(caught.value.hint)


def test_mirror_is_read_from_both_styles(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://m/debian\nSuites: bookworm\nComponents: main\n"
    )
    (tmp_path / "sources.list.d/security.list").write_text("deb http://s/debian-security bookworm-security main\n")
    (tmp_path / "sources.list.d/old.list.save").write_text("deb http://wrong/debian bookworm main\n")
    assert find_archive("trixie", "/state", etc_apt=str(tmp_path)).mirror == Mirror(
        "http://m/debian", "http://s/debian-security"
    )


def test_image_sources_name_the_keys_in_the_image(tmp_path: Path) -> None:
    keyrings = tmp_path / "usr/share/keyrings"
    keyrings.mkdir(parents=True)
    (keyrings / "debian-archive-keyring.gpg").touch()
    (keyrings / "debian-archive-keyring.pgp").touch()
    text = image_sources(ARCHIVE, str(tmp_path)).text
    assert text.count("Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp\n") == 2
    assert "Suites: trixie trixie-updates\n" in text


def test_installed_versions(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: nginx\nStatus: install ok installed\nVersion: 1.26.3-3\n\nPackage: a\nVersion: 2\n"
    )
    assert installed_versions(str(tmp_path)) == {"nginx": "1.26.3-3", "a": "2"}


def test_packed_time_is_that_of_the_newest_package(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    for name, time in (("a", 1700000000), ("b", 1750000000)):
        (tmp_path / f"archives/{name}.deb").write_bytes(
            b"!<arch>\ndebian-binary   %-12d0     0     100644  4         `\n2.0\n" % time
        )
    (tmp_path / "archives/broken.deb").write_bytes(b"not an archive")
    assert packed_time(str(tmp_path)) == 1750000000
