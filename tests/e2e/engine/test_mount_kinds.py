"""Where mounts come from, and what comes along with them, on the real runtime."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.engine.surroundings import IMAGE, World

from cais.engine.protocol import FileSpec, MountKind, MountSpec, Recursion, State, VolumeSpec
from cais.errors import CaisError, Conflict, NotFoundError
from cais.images.model import RunConfig
from cais.linux import mount

pytestmark = pytest.mark.root


IMAGE_CONFIG = RunConfig(cmd=("sleep", "1000"), volumes={"/var": {}})


def output(world: World, line: str, *, name: str = "a", **fields: object) -> str:
    """What a container that runs `line` printed."""
    state = world.engine.start(world.engine.create(world.spec(name, "sh", "-c", line, **fields)).id)
    while world.engine.settle(state.id).state is State.RUNNING:
        pass
    return "\n".join(entry.text for entry in world.engine.logs(state.id))


# --- what lies below a bind mount's source -----------------------------------------------------------------------------


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[str]:
    """A folder in which another file system is mounted."""
    inner = tmp_path / "nest/inner"
    inner.mkdir(parents=True)
    mount.tmpfs(str(inner))
    (inner / "file").touch()
    yield str(tmp_path / "nest")
    mount.unmount(str(inner), lazy=True)


@pytest.mark.parametrize(
    ("recursion", "read_only", "expected"),
    [
        (Recursion.ENABLED, False, "there\nwritten\nwritten"),
        (Recursion.ENABLED, True, "there"),
        (Recursion.DISABLED, False, "written\nwritten"),
        (Recursion.WRITABLE, True, "there\nwritten"),
        (Recursion.READONLY, True, "there"),
    ],
)
def test_recursion(world: World, nest: str, recursion: Recursion, read_only: bool, expected: str) -> None:
    one = MountSpec(kind=MountKind.BIND, source=nest, target="/m", recursion=recursion, read_only=read_only)
    line = "ls /m/inner/file >/dev/null 2>&1 && echo there; for f in /m/x /m/inner/x; do touch $f 2>/dev/null && echo written; done; true"
    assert output(world, line, mounts=(one,)) == expected


@pytest.mark.parametrize("propagation", ["rshared", "rslave", "shared", "slave"])
def test_propagation(world: World, nest: str, propagation: str) -> None:
    """What is mounted on the host afterwards arrives inside; where the host's mount does not pass it on, that is refused."""
    inner = os.path.join(nest, "inner")
    mount.make_private(inner)
    one = MountSpec(kind=MountKind.BIND, source=inner, target="/m", propagation=propagation)
    # crun does not see the host's mounts themselves where cgroups are of both versions.
    fields = {"mounts": (one,), "privileged": True, "runtime": "runc" if "shared" in propagation else ""}
    with pytest.raises(CaisError, match="does not lie on a shared mount"):
        world.engine.create(world.spec("refused", **fields))
    mount.mount("", inner, "", 1 << 20)  # MS_SHARED
    state = world.engine.start(world.engine.create(world.spec("a", **fields)).id)
    os.mkdir(os.path.join(inner, "late"))
    mount.tmpfs(os.path.join(inner, "late"))
    open(os.path.join(inner, "late/file"), "x").close()
    assert world.engine.probe(state.id, ("ls", "/m/late"), 5).output == "file\n"
    world.engine.probe(state.id, ("sh", "-c", "mkdir /m/own && mount -t tmpfs none /m/own"), 5)
    assert mount.is_mounted(os.path.join(inner, "own")) == ("shared" in propagation)
    world.engine.remove(state.id, force=True)
    for name in ("late", "own"):
        if mount.is_mounted(os.path.join(inner, name)):
            mount.unmount(os.path.join(inner, name), lazy=True)


# --- volumes_from ------------------------------------------------------------------------------------------------------


def lender(world: World, tmp_path: Path) -> str:
    (tmp_path / "bound").mkdir()
    world.engine.ensure_volume(VolumeSpec(name="named"))
    mounts = (
        MountSpec(kind=MountKind.BIND, source=str(tmp_path / "bound"), target="/bound"),
        MountSpec(kind=MountKind.VOLUME, source="named", target="/named"),
        MountSpec(kind=MountKind.VOLUME, source="", target="/own"),
        MountSpec(kind=MountKind.TMPFS, source="", target="/scratch"),
        MountSpec(kind=MountKind.BIND, source=str(tmp_path / "bound"), target="/fixed", read_only=True),
    )
    state = world.engine.create(world.spec("lender", mounts=mounts))
    world.engine.start(state.id)
    assert (
        world.engine.probe(
            state.id, ("sh", "-c", "for d in bound named own var; do echo $d >/$d/file; done"), 5
        ).exit_code
        == 0
    )
    return state.id


LOOK = "for d in bound named own var scratch; do cat /$d/file 2>/dev/null; done; for d in bound named own var fixed; do touch /$d/new 2>/dev/null && echo write $d; done; true"


def test_volumes_of_another_container(world: World, tmp_path: Path) -> None:
    lender(world, tmp_path)
    text = output(world, LOOK, volumes_from=(("lender", False),))
    assert text == "bound\nnamed\nown\nvar\nwrite bound\nwrite named\nwrite own\nwrite var"
    assert output(world, LOOK, name="b", volumes_from=(("lender", True),)) == "bound\nnamed\nown\nvar"


def test_own_mounts_go_before_borrowed_ones(world: World, tmp_path: Path) -> None:
    lender(world, tmp_path)
    own = MountSpec(kind=MountKind.TMPFS, source="", target="/named")
    text = output(world, LOOK, mounts=(own,), volumes_from=(("lender", True),))
    assert text == "bound\nown\nvar\nwrite named"


def test_borrowed_volumes_outlive_the_lender(world: World, tmp_path: Path) -> None:
    """Also when it is removed with its volumes: they belong to the borrower then, and go with it."""
    owner = lender(world, tmp_path)
    borrower = world.engine.create(world.spec("a", volumes_from=(("lender", False),)))
    world.engine.remove(owner, force=True, volumes=True)
    world.engine.start(borrower.id)
    assert world.engine.probe(borrower.id, ("sh", "-c", "cat /own/file /var/file"), 5).output == "own\nvar\n"
    with pytest.raises(Conflict, match="in use"):
        world.engine.remove_volume("named")
    world.engine.remove(borrower.id, force=True, volumes=True)
    assert [volume.spec.name for volume in world.engine.volumes()] == ["named"]


def test_no_such_lender(world: World) -> None:
    with pytest.raises(NotFoundError, match='container "nobody", whose volumes "a" takes'):
        world.engine.create(world.spec("a", volumes_from=(("nobody", False),)))


# --- images ------------------------------------------------------------------------------------------------------------


def test_an_image_as_a_volume(world: World) -> None:
    whole = MountSpec(kind=MountKind.IMAGE, source=IMAGE, target="/i")
    part = MountSpec(kind=MountKind.IMAGE, source=IMAGE, target="/deep/p", subpath="data")
    file = MountSpec(kind=MountKind.IMAGE, source=IMAGE, target="/f", subpath="/data/hello")
    line = "cat /i/data/hello /deep/p/hello /f; touch /i/new /deep/p/new 2>&1 | grep -c Read-only"
    assert output(world, line, mounts=(whole, part, file)) == "from the image\n" * 3 + "2"


def test_an_image_of_several_layers(world: World, tmp_path: Path) -> None:
    upper = tmp_path / "second"
    (upper / "data").mkdir(parents=True)
    (upper / "data/above").write_text("second layer\n")
    world.layers.append(str(upper))
    mounted = MountSpec(kind=MountKind.IMAGE, source=IMAGE, target="/i")
    state = world.engine.start(world.engine.create(world.spec("a", mounts=(mounted,))).id)
    assert (
        world.engine.probe(state.id, ("sh", "-c", "cat /i/data/hello /i/data/above"), 5).output
        == "from the image\nsecond layer\n"
    )
    assert "Read-only" in world.engine.probe(state.id, ("touch", "/i/x"), 5).output
    # Stopped and started again it is mounted once, and gone with the container.
    world.engine.stop(state.id, timeout_s=0)
    world.engine.start(state.id)
    folder = os.path.join(world.locations.containers, state.id, "images")
    assert len([point for point in mount.mounts_below(folder) if point.startswith(folder)]) == 1
    world.engine.remove(state.id, force=True)
    assert not os.path.exists(folder)


def test_an_image_that_is_not_there(world: World) -> None:
    absent = MountSpec(kind=MountKind.IMAGE, source="sha256:0", target="/i")
    state = world.engine.create(world.spec("a", mounts=(absent,)))
    with pytest.raises(NotFoundError, match="mounts, is not in the store"):
        world.engine.start(state.id)
    part = MountSpec(kind=MountKind.IMAGE, source=IMAGE, target="/i", subpath="nowhere")
    state = world.engine.create(world.spec("b", mounts=(part,)))
    with pytest.raises(CaisError, match='has no "nowhere"'):
        world.engine.start(state.id)


# --- the rest ----------------------------------------------------------------------------------------------------------


def test_tmpfs_options(world: World) -> None:
    one = MountSpec(
        kind=MountKind.TMPFS,
        source="",
        target="/t",
        tmpfs_mode=0o750,
        tmpfs_options=("exec", "uid=1000", "nr_inodes=20"),
    )
    line = "grep ' /t ' /proc/mounts | cut -d' ' -f4 | tr ',' '\\n' | grep -e exec -e suid -e dev -e inodes; stat -c '%a %u' /t"
    assert output(world, line, mounts=(one,)) == "nosuid\nnodev\nnr_inodes=20\n750 1000"


def test_labels_of_an_anonymous_volume(world: World) -> None:
    one = MountSpec(kind=MountKind.VOLUME, source="", target="/v", labels={"colour": "blue"})
    state = world.engine.create(world.spec("a", mounts=(one,)))
    labels = {volume.spec.name: volume.spec.labels for volume in world.engine.volumes()}
    assert labels[state.anonymous_volumes["/v"]] == {"colour": "blue"}
    assert labels[state.anonymous_volumes["/var"]] == {}


def test_a_secret_file_with_an_owner_is_a_copy(world: World, tmp_path: Path) -> None:
    """Which each start renews; the host's file keeps its own owner and mode."""
    source = tmp_path / "secret"
    source.write_text("one\n")
    files = (FileSpec(target="/run/secrets/s", source=str(source), uid=1000, gid=10, mode=0o440),)
    state = world.engine.start(world.engine.create(world.spec("a", files=files)).id)
    look = ("sh", "-c", "cat /run/secrets/s; stat -c '%u %g %a' /run/secrets/s")
    assert world.engine.probe(state.id, look, 5).output == "one\n1000 10 440\n"
    source.write_text("two\n")
    world.engine.stop(state.id, timeout_s=0)
    world.engine.start(state.id)
    assert world.engine.probe(state.id, look, 5).output == "two\n1000 10 440\n"
    assert (source.stat().st_uid, source.stat().st_mode & 0o777) == (0, 0o644)
    source.unlink()
    with pytest.raises(CaisError, match="does not exist"):
        world.engine.create(world.spec("b", files=files))
