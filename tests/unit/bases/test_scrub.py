import os
from pathlib import Path

from cais.bases.scrub import content_time, scrub


def test_scrub_takes_what_depends_on_time_and_machine(tmp_path: Path) -> None:
    files = {
        "etc/hostname": "vm", "var/log/dpkg.log": "x", "var/log/nginx/old.log": "x", "var/cache/apt/pkgcache.bin": "x", "tmp/left": "x",
        "var/cache/ldconfig/aux-cache": "x", "etc/passwd": "root", "var/cache/debconf/config.dat": "Variables:\n NEW = /tmp/postgresql-common.a1B2\n",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "var/log/nginx/access.log").symlink_to("/dev/stdout")
    (tmp_path / "var/tmp").mkdir()
    (tmp_path / "var/tmp/link").symlink_to(tmp_path / "etc")
    scrub(str(tmp_path))
    left = sorted(
        os.path.relpath(os.path.join(folder, name), tmp_path)
        for folder, _, names in os.walk(tmp_path)
        for name in names
    )
    assert left == ["etc/passwd", "var/cache/debconf/config.dat", "var/log/nginx/access.log"]
    assert (tmp_path / "var/cache/debconf/config.dat").read_text() == "Variables:\n NEW = /tmp/postgresql-common\n"


def test_content_time_passes_over_what_was_just_written(tmp_path: Path) -> None:
    for name, modified in (("packed", 1000), ("newer", 2000), ("made", 5000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (modified, modified))
    assert content_time(str(tmp_path), 4000.0) == 2000
