"""A container's life on the real runtime, monitor and overlay."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.e2e.engine.surroundings import World

from cais.engine.native.records import Phase
from cais.engine.protocol import (
    ContainerState,
    EndpointSpec,
    FileSpec,
    Health,
    MountKind,
    MountSpec,
    ProbeSpec,
    ResourceLimits,
    State,
    VolumeSpec,
)
from cais.errors import CaisError, Conflict, NotFoundError
from cais.events import MessageEvent
from cais.images.model import RunConfig
from cais.linux import mount

pytestmark = pytest.mark.root

IMAGE_CONFIG = RunConfig(env=("FROM_IMAGE=yes",), cmd=("sleep", "1000"), volumes={"/var": {}})


def started(world: World, name: str, *argv: str, **fields: object) -> ContainerState:
    return world.engine.start(world.engine.create(world.spec(name, *argv, **fields)).id)


def finished(world: World, container_id: str) -> ContainerState:
    deadline = time.monotonic() + 10
    while (state := world.engine.settle(container_id)).state is State.RUNNING:
        assert time.monotonic() < deadline, "the container did not end"
        time.sleep(0.005)
    return state


def output(world: World, name: str, line: str, **fields: object) -> str:
    state = started(world, name, "sh", "-c", line, **fields)
    finished(world, state.id)
    return "\n".join(entry.text for entry in world.engine.logs(state.id))


def test_create_start_stop_remove(world: World) -> None:
    created = world.engine.create(world.spec("a"))
    assert created.state is State.CREATED
    running = world.engine.start(created.id)
    assert running.state is State.RUNNING
    assert running.pid in world.engine.processes(created.id)
    outcome = world.engine.stop(created.id)
    assert (outcome.exit_code, outcome.killed, outcome.ignored_by) == (137, True, "sleep 1000")
    after = world.engine.container("a")
    assert after is not None
    assert (after.state, after.pid, after.manually_stopped) == (State.EXITED, 0, True)
    assert after.exit_reason == "killed by SIGKILL after the grace period of 0.3 s"
    world.engine.remove(created.id)
    assert world.engine.container("a") is None


def test_removing_leaves_nothing(world: World, busybox_root: str) -> None:
    state = started(world, "a", files=(FileSpec(target="/run/secrets/x", content=b"s"),))
    world.engine.remove(state.id, force=True, volumes=True)
    assert os.listdir(world.locations.containers) == []
    assert os.listdir(os.path.join(world.locations.run, "containers")) == []
    assert os.listdir(os.path.join(world.locations.run, "runtime")) == []
    assert world.engine.volumes() == ()
    assert mount.mounts_below(world.locations.root) == ()
    cgroups = [path for path, _, _ in os.walk("/sys/fs/cgroup") if state.id in path]
    assert cgroups == []


def test_a_start_again_keeps_what_was_written_and_counts_no_restart(world: World) -> None:
    state = started(world, "a", "sh", "-c", "cat /written; echo x >> /written; exit 3")
    assert finished(world, state.id).exit_code == 3
    again = world.engine.start(state.id)
    assert again.restart_count == 0
    finished(world, state.id)
    assert [line.text for line in world.engine.logs(state.id)][-1] == "x"


def test_a_killed_process_is_never_called_running(world: World) -> None:
    state = started(world, "a")
    os.kill(state.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{state.pid}") and time.monotonic() < deadline:
        time.sleep(0.001)
    seen = world.engine.containers()[0]
    assert (seen.state, seen.pid) == (State.EXITED, 0)
    settled = world.engine.settle(state.id)
    assert (settled.exit_code, settled.exit_reason) == (137, "killed by SIGKILL from outside")


def test_signal_handlers_get_their_grace(world: World) -> None:
    line = "trap 'echo bye; exit 5' TERM; echo ready; while true; do sleep 0.01; done"
    state = started(world, "a", "sh", "-c", line, stop_grace_period_s=5.0)
    deadline = time.monotonic() + 5
    while not list(world.engine.logs(state.id)) and time.monotonic() < deadline:
        time.sleep(0.005)
    outcome = world.engine.stop(state.id)
    assert (outcome.exit_code, outcome.killed, outcome.signal) == (5, False, "SIGTERM")
    assert outcome.elapsed_s < 2


def test_init_reaps_and_passes_signals_on(world: World) -> None:
    state = started(world, "a", init=True, stop_grace_period_s=5.0)
    deadline = time.monotonic() + 5
    while len(world.engine.processes(state.id)) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(world.engine.processes(state.id)) == 2
    outcome = world.engine.stop(state.id)
    assert (outcome.killed, outcome.exit_code) == (False, 143)


def test_an_automatic_start_respects_a_manual_stop(world: World) -> None:
    state = started(world, "a")
    world.engine.stop(state.id, timeout_s=0)
    assert world.engine.start(state.id, automatic=True).state is State.EXITED
    assert world.engine.start(state.id).manually_stopped is False


def test_names_are_unique_and_can_be_changed(world: World) -> None:
    state = world.engine.create(world.spec("first"))
    with pytest.raises(Conflict, match='"first" is taken'):
        world.engine.create(world.spec("first"))
    world.engine.rename(state.id, "zweite")
    assert world.engine.container("first") is None
    found = world.engine.container(state.id[:8])
    assert found is not None
    assert found.name == "zweite"
    other = world.engine.create(world.spec("first"))
    with pytest.raises(Conflict):
        world.engine.rename(other.id, "zweite")


def test_a_running_container_is_removed_only_with_force(world: World) -> None:
    state = started(world, "a")
    with pytest.raises(Conflict, match="is running"):
        world.engine.remove(state.id)
    world.engine.remove(state.id, force=True)
    world.engine.remove(state.id)


def test_what_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.engine.start("0" * 64)
    with pytest.raises(NotFoundError, match="ghost"):
        world.engine.create(world.spec("a", image_id="sha256:0", image_reference="ghost"))


def test_a_command_that_is_not_there_says_so(world: World) -> None:
    state = world.engine.create(world.spec("a", "nowhere"))
    with pytest.raises(CaisError, match=r'cannot start container "a": .*nowhere'):
        world.engine.start(state.id)
    after = world.engine.container("a")
    assert after is not None
    assert (after.state, after.exit_code) == (State.CREATED, 127)


def test_environment_user_and_directory(world: World) -> None:
    text = output(
        world,
        "a",
        "id; echo $FROM_IMAGE $OWN $HOME $HOSTNAME; pwd; hostname",
        user="ana",
        environment={"OWN": "mine"},
        working_dir="/tmp",
        hostname="quay",
    )
    assert text.splitlines() == [
        "uid=1000(ana) gid=1000(ana) groups=10(wheel),1000(ana)",
        "yes mine /home/ana quay",
        "/tmp",
        "quay",
    ]


def test_files_hosts_and_resolver(world: World) -> None:
    text = output(
        world,
        "a",
        "cat /run/secrets/key; stat -c '%a %u' /run/secrets/key; cat /etc/hosts /etc/resolv.conf /etc/hostname",
        files=(FileSpec(target="/run/secrets/key", content=b"s3cret\n", uid=1000, mode=0o400),),
        network_mode="bridge",
        endpoints=(EndpointSpec(network="net", aliases=("web",)),),
        extra_hosts=(("up", "host-gateway"), ("far", "192.0.2.7")),
        hostname="quay",
        dns_search=("example.org",),
    )
    assert text.startswith("s3cret\n400 1000\n")
    assert "10.9.0.2\tquay\n10.9.0.1\tup\n192.0.2.7\tfar\n" in text
    assert "nameserver 10.9.0.1\nsearch example.org\noptions ndots:0\nquay" in text
    assert "s3cret" not in Path(world.locations.database).read_bytes().decode(errors="replace")


def test_a_stop_withdraws_the_names_and_a_start_gives_them_back(world: World) -> None:
    state = started(world, "a", network_mode="bridge", endpoints=(EndpointSpec(network="net", aliases=("web",)),))
    names = {"net": ("a", "web", state.id[:12])}
    assert world.networking.names[state.id] == names
    world.engine.stop(state.id, timeout_s=0)
    assert world.networking.names[state.id] == {}
    world.engine.start(state.id)
    assert world.networking.names[state.id] == names


def test_volumes_are_filled_from_the_image_once(world: World) -> None:
    mounts = (MountSpec(kind=MountKind.VOLUME, source="vol", target="/data"),)
    first = output(world, "a", "cat /data/hello; stat -c '%a %u %g' /data; echo mine > /data/hello", mounts=mounts)
    assert first.splitlines() == ["from the image", "750 1000 10"]
    assert output(world, "b", "cat /data/hello", mounts=mounts) == "mine"
    with pytest.raises(Conflict, match="in use"):
        world.engine.remove_volume("vol")


def test_no_copy_subpath_read_only(world: World) -> None:
    world.engine.ensure_volume(VolumeSpec(name="empty"))
    bare = (MountSpec(kind=MountKind.VOLUME, source="empty", target="/data", no_copy=True),)
    assert output(world, "a", "ls /data; mkdir /data/deep; touch /data/deep/x", mounts=bare) == ""
    below = (MountSpec(kind=MountKind.VOLUME, source="empty", target="/mnt", subpath="deep", read_only=True),)
    text = output(world, "b", "ls /mnt; touch /mnt/y 2>&1", mounts=below)
    assert text.splitlines()[0] == "x"
    assert "Read-only file system" in text
    missing = (MountSpec(kind=MountKind.VOLUME, source="empty", target="/mnt", subpath="../../etc"),)
    state = world.engine.create(world.spec("c", mounts=missing))
    with pytest.raises(CaisError, match=r'has no "\.\./\.\./etc"'):
        world.engine.start(state.id)


def test_anonymous_volumes_go_with_their_container_or_to_the_next(world: World) -> None:
    first = started(world, "a", "sh", "-c", "echo kept > /var/x")
    finished(world, first.id)
    name = world.engine.settle(first.id).anonymous_volumes["/var"]
    taken = (MountSpec(kind=MountKind.VOLUME, source=name, target="/var"),)
    second = world.engine.create(world.spec("b", "cat", "/var/x", mounts=taken))
    assert second.anonymous_volumes == {"/var": name}
    world.engine.remove(first.id, volumes=True)
    world.engine.start(second.id)
    assert finished(world, second.id).exit_code == 0
    world.engine.remove(second.id, volumes=True)
    assert world.engine.volumes() == ()


def test_volumes_with_driver_options_are_mounted_while_used(world: World) -> None:
    spec = VolumeSpec(name="fast", driver_options={"type": "tmpfs", "o": "size=1m", "device": "tmpfs"})
    state = world.engine.ensure_volume(spec)
    mounts = (MountSpec(kind=MountKind.VOLUME, source="fast", target="/fast"),)
    text = output(world, "a", "mount | grep /fast", mounts=mounts)
    assert "tmpfs" in text
    assert "size=1024k" in text
    assert mount.is_mounted(state.path)
    world.engine.remove(world.engine.containers()[0].id)
    assert not mount.is_mounted(state.path)


def test_bind_mounts(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("shown\n")
    mounts = (
        MountSpec(kind=MountKind.BIND, source=str(tmp_path / "file"), target="/etc/shown", read_only=True),
        MountSpec(kind=MountKind.BIND, source=str(tmp_path / "new"), target="/new", create_host_path=True),
        MountSpec(kind=MountKind.TMPFS, source="", target="/scratch", tmpfs_size_bytes=1 << 20, tmpfs_mode=0o700),
    )
    line = "cat /etc/shown; touch /new/made; stat -c %a /scratch; touch /etc/shown || echo refused"
    assert output(world, "a", line, mounts=mounts).splitlines()[:2] == ["shown", "700"]
    assert (tmp_path / "new/made").exists()
    missing = (MountSpec(kind=MountKind.BIND, source="/no/such", target="/x"),)
    with pytest.raises(CaisError, match='bind source "/no/such"'):
        world.engine.create(world.spec("b", mounts=missing))
    assert world.engine.container("b") is None


def test_a_read_only_root(world: World) -> None:
    text = output(world, "a", "touch /x 2>&1; touch /dev/shm/y && echo fine", read_only=True)
    assert "Read-only file system" in text
    assert text.endswith("fine")


def test_capabilities_ulimits_and_privileges(world: World) -> None:
    line = "grep -E 'Cap(Eff|Bnd)|NoNew' /proc/self/status; ulimit -n; ulimit -Hn"
    fields = {
        "cap_drop": ("ALL",),
        "cap_add": ("net_bind_service",),
        "security_opt": ("no-new-privileges:true",),
        "limits": ResourceLimits(ulimits={"nofile": (100, 200)}),
    }
    text = output(world, "a", line, **fields)
    assert "CapEff:\t0000000000000400" in text
    assert "CapBnd:\t0000000000000400" in text
    assert "NoNewPrivs:\t1" in text
    assert text.endswith("100\n200")


def test_privileged_sees_devices_and_writes_sysfs(world: World) -> None:
    text = output(
        world, "a", "mount | grep ' /sys '; ls /dev | wc -l; grep Seccomp: /proc/self/status", privileged=True
    )
    assert "rw" in text
    assert "Seccomp:\t0" in text


def test_memory_limit_is_told_from_a_signal(world: World) -> None:
    limits = ResourceLimits(memory_bytes=16 << 20, memory_swap_bytes=16 << 20)
    state = started(world, "a", "tail", "/dev/zero", limits=limits)
    after = finished(world, state.id)
    warned = [event for event in world.sink.events if isinstance(event, MessageEvent)]
    if any("memory" in event.text for event in warned):
        pytest.skip("this machine has no memory controller")
    assert (after.exit_code, after.oom_killed) == (137, True)
    assert after.exit_reason == "out of memory (limit 16 MiB)"


def test_probe_output_code_and_time_limit(world: World) -> None:
    state = started(world, "a", probe=ProbeSpec(test=("CMD", "true")))
    assert state.health is Health.STARTING
    good = world.engine.probe(state.id, ("CMD-SHELL", "echo fine; echo loud >&2"), 5.0)
    assert (good.exit_code, good.output) == (0, "fine\nloud\n")
    assert world.engine.probe(state.id, ("false",), 5.0).exit_code == 1
    missing = world.engine.probe(state.id, ("nowhere",), 5.0)
    assert missing.exit_code == 127
    assert "nowhere" in missing.output
    slow = world.engine.probe(state.id, ("sh", "-c", "echo begun; sleep 50 & sleep 60"), 0.2)
    assert slow.exit_code == -1
    assert slow.output.startswith("begun\n")
    assert slow.ended - slow.began < 2
    deadline = time.monotonic() + 2
    while len(world.engine.processes(state.id)) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert world.engine.processes(state.id) == (state.pid,)
    assert len(world.engine.probe(state.id, ("sh", "-c", "yes | head -c 100000"), 5.0).output) == 4096


def test_log_lines_have_stream_and_time(world: World) -> None:
    before = time.time()
    state = started(world, "a", "sh", "-c", "echo one; echo two >&2; printf three")
    finished(world, state.id)
    lines = list(world.engine.logs(state.id))
    # The end of the container makes a line of what had no end.
    assert sorted((line.stream, line.text, line.partial) for line in lines) == [
        ("stderr", "two", False),
        ("stdout", "", False),
        ("stdout", "one", False),
        ("stdout", "three", True),
    ]
    assert all(before - 1 < line.at < time.time() + 1 for line in lines)
    assert len(list(world.engine.logs(state.id, tail=1))) == 2
    followed = [line.text for line in world.engine.follow(state.id) if line is not None]
    assert followed == [line.text for line in lines]


def test_joined_namespaces(world: World) -> None:
    first = started(world, "a", ipc_mode="shareable", hostname="quay")
    line = "echo x > /dev/shm/shared; hostname; ps | grep -c sleep; cat /etc/hosts | head -1"
    mode = f"container:{first.id}"
    text = output(world, "b", line, pid_mode=mode, ipc_mode=mode, network_mode=mode)
    assert text.splitlines()[0] == "quay"
    assert world.engine.probe(first.id, ("cat", "/dev/shm/shared"), 5.0).output == "x\n"
    host = output(world, "c", "ps | wc -l", pid_mode="host", network_mode="host", ipc_mode="host")
    assert int(host) > 3


def test_many_at_once_from_threads(world: World) -> None:
    failures: list[Exception] = []

    def one(number: int) -> None:
        try:
            state = started(world, f"many-{number}")
            world.engine.stop(state.id, timeout_s=0)
            world.engine.start(state.id)
            world.engine.remove(state.id, force=True)
        except Exception as failure:  # noqa: BLE001 - shown by the assertion below
            failures.append(failure)
        finally:
            world.database.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert world.engine.containers() == ()


@pytest.mark.parametrize("phase", [Phase.CREATING, Phase.REMOVING])
def test_half_made_and_half_removed_containers_are_swept(world: World, phase: Phase) -> None:
    state = started(world, "a")
    world.engine._parts.records.change(state.id, phase=phase)
    done = world.engine.repair()
    assert len(done) == 1
    assert '"a"' in done[0]
    assert world.engine.containers() == ()
    assert os.listdir(world.locations.containers) == []
    assert not os.path.exists(f"/proc/{state.pid}") or world.engine.container("a") is None


def test_an_interrupted_start_is_taken_over(world: World) -> None:
    state = started(world, "a")
    world.engine._parts.records.change(state.id, phase=Phase.STARTING, pid=0, pid_started=0)
    again = world.engine.start(state.id)
    assert (again.state, again.pid) == (State.RUNNING, state.pid)


def test_after_a_reboot_a_container_starts_on_its_old_root(world: World) -> None:
    state = started(world, "a", "sh", "-c", "cat /written; echo x >> /written")
    finished(world, state.id)
    merged = world.engine._parts.folder(state.id).merged
    mount.unmount(merged, lazy=True)
    world.engine._parts.records.change(state.id, boot="another")
    world.engine.start(state.id)
    finished(world, state.id)
    assert [line.text for line in world.engine.logs(state.id)][-1] == "x"


def cgroups_of(container_id: str) -> list[str]:
    return [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/cais/{container_id}")]


def test_after_its_end_the_runtime_and_the_cgroups_know_nothing_of_it(world: World) -> None:
    state = started(world, "ends", "sleep", "1000")
    known = Path(world.engine._parts.runtime("").state, state.id)
    assert known.exists()
    assert cgroups_of(state.id)
    world.engine.stop(state.id, timeout_s=0)
    assert not known.exists()
    assert cgroups_of(state.id) == []
    again = world.engine.start(state.id)
    assert again.state is State.RUNNING


def test_what_is_still_in_its_cgroup_is_killed_by_the_runtime(world: World) -> None:
    from cais.engine.native import runtimestate

    state = started(world, "busy", "sleep", "1000")
    record = world.engine._parts.records.need(state.id)
    runtimestate.discard(world.engine._parts, record)
    assert finished(world, state.id).state is State.EXITED
    assert cgroups_of(state.id) == []
