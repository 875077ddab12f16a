from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cais.errors import InvalidImage
from cais.images.layer import layer_tar
from cais.images.limits import Limits
from cais.images.unpack import unpack

pytestmark = pytest.mark.root

TYPES = {
    "f": tarfile.REGTYPE,
    "d": tarfile.DIRTYPE,
    "l": tarfile.SYMTYPE,
    "h": tarfile.LNKTYPE,
    "c": tarfile.CHRTYPE,
    "b": tarfile.BLKTYPE,
    "p": tarfile.FIFOTYPE,
}


def tar(*entries: str) -> io.BytesIO:
    """Entries as `kind name [target]`; a file's content is its name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in entries:
            kind, name, *target = entry.split(" ")
            member = tarfile.TarInfo(name)
            member.type, member.mtime, member.mode = TYPES[kind], 100, 0o750
            member.linkname = "".join(target)
            member.size = len(name) if kind == "f" else 0
            archive.addfile(member, io.BytesIO(name.encode()))
    buffer.seek(0)
    return buffer


def shown(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        mark = stat.filemode(status.st_mode)[0]
        if stat.S_ISCHR(status.st_mode):
            mark = "whiteout" if status.st_rdev == 0 else "device"
        elif stat.S_ISDIR(status.st_mode) and "trusted.overlay.opaque" in os.listxattr(path):
            mark = "opaque"
        found.append(f"{mark} {path.relative_to(folder)}")
    return found


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    folder = tmp_path / "outer/layer"
    folder.mkdir(parents=True)
    (tmp_path / "outer/victim").write_text("safe")
    return folder


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["f ../victim"], "leads out"),
        (["f a/../../victim"], "leads out"),
        (["d ."], ""),
        (["l evil ..", "f evil/victim"], "used as a folder"),
        (["l evil /", "f evil/etc/x"], "used as a folder"),
        (["l evil ..", "d evil/sub"], "used as a folder"),
        (["l evil ..", "l evil/sub x"], "used as a folder"),
        (["l evil ..", "h evil/sub x"], "used as a folder"),
        (["l evil ..", "f evil/.wh.victim"], "used as a folder"),
        (["l evil ..", "f evil/.wh..wh..opq"], "used as a folder"),
        (["f file", "f file/x"], "used as a folder"),
        (["h x ../victim"], "leads out"),
        (["l evil ..", "h x evil/victim"], "no file of this layer"),
        (["h x /etc/passwd"], "no file of this layer"),
        (["d d", "h x d"], "no file of this layer"),
        (["h x x"], "to itself"),
        (["c etc/null"], "device node"),
        (["b sda"], "device node"),
        (["f .wh."], "whiteout of no name"),
        (["f .wh..."], "whiteout of no name"),
        (["f a/.wh.."], "whiteout of no name"),
        (["f .wh..wh.x"], "whiteout of no name"),
        (["f /"], "replace the root"),
        (["d " + "x/" * 130], "folders deep"),
        (["f " + "x" * 256], "cannot be unpacked"),
        (["f " + "x/" * 3000], "path of"),
    ],
)
def test_hostile_archives_are_refused(layer: Path, entries: list[str], message: str) -> None:
    if message:
        with pytest.raises(InvalidImage, match=message):
            unpack(tar(*entries), str(layer))
    else:
        unpack(tar(*entries), str(layer))
    assert (layer.parent / "victim").read_text() == "safe"
    assert sorted(os.listdir(layer.parent)) == ["layer", "victim"]


@pytest.mark.parametrize(
    ("entries", "result"),
    [
        (["f /etc/a"], ["d etc", "- etc/a"]),
        (["d ./a/", "f ./a/b"], ["d a", "- a/b"]),
        (["l a b", "f a"], ["- a"]),
        (["l a ..", "d a", "f a/x"], ["d a", "- a/x"]),
        (["f a/b/c", "f a"], ["- a"]),
        (["f a", "d a", "f a/b"], ["d a", "- a/b"]),
        (["f a", "h b a"], ["- a", "- b"]),
        (["l a x", "h b a"], ["l a", "l b"]),
        (["c dev/null", "f dev/x"], ["d dev", "- dev/x"]),
        (["p pipe"], ["p pipe"]),
        (["d a", "d a/b", "f a", "d a", "f a/b"], ["d a", "- a/b"]),
        (["d a", "d a/b", "l a other"], ["l a"]),
        (["f .wh.a"], ["whiteout a"]),
        (["f .wh.a", "f a"], ["- a"]),
        (["f a", "f .wh.a"], ["- a"]),
        (["f .wh.a", "d a"], ["opaque a"]),
        (["f .wh.a", "f a/b"], ["opaque a", "- a/b"]),
        (["d a", "f a/b", "f .wh.a"], ["opaque a", "- a/b"]),
        (["f a/.wh..wh..opq", "f a/b"], ["opaque a", "- a/b"]),
    ],
)
def test_overlay_form(layer: Path, tmp_path: Path, entries: list[str], result: list[str]) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    (lower / "other").mkdir()
    unpack(tar(*entries), str(layer), lowers=[str(lower)])
    assert shown(layer) == sorted(result, key=lambda line: line.split()[1])


def test_folders_nobody_spoke_of_are_as_below(layer: Path, tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    (lower / "tmp").mkdir(parents=True)
    os.chmod(lower / "tmp", 0o1777)
    os.chown(lower / "tmp", 5, 6)
    (lower / "bin").symlink_to("usr/bin")
    unpack(tar("f tmp/x"), str(layer), lowers=[str(lower)])
    status = (layer / "tmp").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o1777, 5, 6)
    with pytest.raises(InvalidImage, match="a lower layer has a symbolic link there"):
        unpack(tar("f bin/x"), str(layer), lowers=[str(lower)])


def test_folder_times_and_modes_survive_what_is_unpacked_into_them(layer: Path) -> None:
    unpack(tar("d a", "f a/b", "f a/c/d"), str(layer))
    assert (layer / "a").stat().st_mtime == 100
    assert stat.S_IMODE((layer / "a").stat().st_mode) == 0o750
    assert (layer / "a/b").stat().st_mtime == 100


def test_bounds(layer: Path) -> None:
    with pytest.raises(InvalidImage, match="2 entries"):
        unpack(tar("f a", "f b", "f c"), str(layer), limits=Limits(entries=2))
    with pytest.raises(InvalidImage, match="3 bytes"):
        unpack(tar("f abcd"), str(layer), limits=Limits(content_bytes=3))


def test_deep_hard_links_do_not_mix_up_folders(layer: Path) -> None:
    deep = ["/".join(f"{side}{n}" for n in range(100)) for side in "ab"]
    wide = [f"d w{n}" for n in range(320)]
    unpack(tar(f"f {deep[0]}/x", f"f {deep[1]}/y", *wide, f"h {deep[1]}/z {deep[0]}/x"), str(layer))
    assert (layer / deep[1] / "z").read_text() == f"{deep[0]}/x"


def test_an_opaque_mark_does_not_depend_on_what_links_of_lower_layers_lead_to(tmp_path: Path) -> None:
    lower, layer, host = tmp_path / "lower", tmp_path / "layer", tmp_path / "host"
    for folder in (lower, layer / "link/new", host / "new"):
        folder.mkdir(parents=True)
    (lower / "link").symlink_to(host)
    for folder in (layer / "link", layer / "link/new"):
        os.setxattr(folder, "trusted.overlay.opaque", b"y")
    with tarfile.open(fileobj=io.BytesIO(b"".join(layer_tar(str(layer), lowers=[str(lower)])))) as archive:
        assert archive.getnames() == ["link", "link/.wh..wh..opq", "link/new"]


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".wh.a", ".wh..wh..opq", "c"]), min_size=1, max_size=4).map("/".join)
ENTRIES = st.tuples(st.sampled_from("fdlhp"), NAMES, st.sampled_from(["a", "..", "../victim", "a/b", "/"])).map(
    " ".join
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ENTRIES, max_size=8))
def test_whatever_comes_stays_inside_and_reads_back(tmp_path: Path, entries: list[str]) -> None:
    number = len(os.listdir(tmp_path))
    outer = tmp_path / str(number)
    layer = outer / "layer"
    layer.mkdir(parents=True)
    (outer / "victim").write_text("safe")
    try:
        unpack(tar(*entries), str(layer), lowers=[str(outer)])
    except InvalidImage:
        pass
    else:
        again = outer / "again"
        again.mkdir()
        data = b"".join(layer_tar(str(layer), lowers=[str(outer)]))
        unpack(io.BytesIO(data), str(again), lowers=[str(outer)])
        assert data == b"".join(layer_tar(str(again), lowers=[str(outer)]))
    assert (outer / "victim").read_text() == "safe"
    assert set(os.listdir(outer)) <= {"layer", "victim", "again"}
