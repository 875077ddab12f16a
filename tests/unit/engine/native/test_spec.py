from __future__ import annotations

import msgspec
import pytest

from cais.engine.native import oci
from cais.engine.native.defaults import CAPABILITIES, MASKED_PATHS, READ_ONLY_PATHS
from cais.engine.native.security import Security
from cais.engine.native.spec import Facts, command_line, configure, environment
from cais.engine.protocol import ContainerSpec, ResourceLimits
from cais.errors import CaisError
from cais.images.model import RunConfig
from cais.linux.capabilities import NAMES
from cais.linux.users import Identity

FACTS = Facts(
    container_id="c1",
    root="/root-of-c1",
    image=RunConfig(cmd=("serve",)),
    identity=Identity(uid=0, gid=0, additional_gids=(0,), home="/root"),
    hostname="quay",
    security=Security(),
    seccomp=oci.Seccomp(default_action="SCMP_ACT_ERRNO"),
    able=NAMES,
    controllers=frozenset({"memory", "memsw", "cpu", "cpuset", "pids"}),
    network="/run/ns/c1",
)


def spec(**fields: object) -> ContainerSpec:
    return ContainerSpec(name="web", image_id="i", image_reference="r", **fields)  # type: ignore[arg-type]


def facts(**fields: object) -> Facts:
    return msgspec.structs.replace(FACTS, **fields)


def made(one: ContainerSpec | None = None, found: Facts = FACTS) -> oci.Config:
    return configure(one or spec(), found, [])


@pytest.mark.parametrize(
    ("entrypoint", "command", "image_entrypoint", "image_command", "expected"),
    [
        (None, None, None, ("a",), ("a",)),
        (None, None, ("e",), ("a",), ("e", "a")),
        (None, ("c",), ("e",), ("a",), ("e", "c")),
        (("x",), None, ("e",), ("a",), ("x",)),  # a new entry point drops the image's command
        (("x",), ("c",), ("e",), ("a",), ("x", "c")),
        ((), None, ("e",), ("a",), ("a",)),  # an empty one drops the image's entry point only
        ((), ("c",), ("e",), ("a",), ("c",)),
        (("",), ("c",), ("e",), ("a",), ("c",)),
        (None, (), ("e",), ("a",), ("e", "a")),
    ],
)
def test_command_line(
    entrypoint: tuple[str, ...] | None,
    command: tuple[str, ...] | None,
    image_entrypoint: tuple[str, ...] | None,
    image_command: tuple[str, ...] | None,
    expected: tuple[str, ...],
) -> None:
    image = RunConfig(entrypoint=image_entrypoint, cmd=image_command)
    assert command_line(spec(entrypoint=entrypoint, command=command), image) == expected


@pytest.mark.parametrize(
    ("entrypoint", "image"), [(None, RunConfig()), (("",), RunConfig(entrypoint=("e",), cmd=("a",)))]
)
def test_nothing_to_run_is_an_error(entrypoint: tuple[str, ...] | None, image: RunConfig) -> None:
    with pytest.raises(CaisError, match='"web" has no command'):
        command_line(spec(entrypoint=entrypoint), image)


def test_environment_in_the_order_of_who_may_say() -> None:
    image = RunConfig(env=("PATH=/opt", "A=image", "B=image", "EMPTY="))
    found = environment(spec(environment={"B": "own", "C": "a=b"}, tty=True), image, "quay", "/home/x")
    assert found == (
        "PATH=/opt",
        "HOSTNAME=quay",
        "TERM=xterm",
        "A=image",
        "B=own",
        "EMPTY=",
        "C=a=b",
        "HOME=/home/x",
    )
    assert "HOME=/mine" in environment(spec(environment={"HOME": "/mine"}), image, "quay", "/home/x")
    assert "HOME=/" in environment(spec(), RunConfig(), "quay", "")


def test_the_default_container_is_dockers() -> None:
    config = made()
    assert config.process.args == ("serve",)
    assert config.process.cwd == "/"
    assert config.process.capabilities is not None
    assert config.process.capabilities.bounding == CAPABILITIES
    assert config.process.capabilities.inheritable == ()
    assert config.linux.masked_paths == MASKED_PATHS
    assert config.linux.readonly_paths == READ_ONLY_PATHS
    assert config.linux.seccomp is FACTS.seccomp
    assert config.linux.cgroups_path == "/cais/c1"
    assert {one.type: one.path for one in config.linux.namespaces} == {
        "pid": "",
        "ipc": "",
        "network": "/run/ns/c1",
        "uts": "",
        "mount": "",
    }
    assert config.linux.sysctl["net.ipv4.ip_unprivileged_port_start"] == "0"
    assert isinstance(config.linux.resources and config.linux.resources.devices[0], oci.DenyAll)
    assert {one.destination for one in config.mounts} == {
        "/proc",
        "/dev",
        "/dev/pts",
        "/sys",
        "/sys/fs/cgroup",
        "/dev/mqueue",
        "/dev/shm",
    }


def test_a_user_other_than_root_holds_no_capabilities() -> None:
    who = Identity(uid=1000, gid=1000, additional_gids=(1000, 10), home="/home/ana")
    process = made(found=facts(identity=who)).process
    assert process.user == oci.User(uid=1000, gid=1000, additional_gids=(1000, 10))
    assert process.capabilities is not None
    assert (process.capabilities.bounding, process.capabilities.effective) == (CAPABILITIES, ())


def test_privileged() -> None:
    config = made(spec(privileged=True), facts(seccomp=None))
    assert config.process.capabilities is not None
    assert config.process.capabilities.effective == NAMES
    assert (config.linux.masked_paths, config.linux.readonly_paths) == ((), ())
    assert config.linux.resources is not None
    assert config.linux.resources.devices == (oci.DeviceRule(allow=True, access="rwm"),)
    access = {one.destination: one.options for one in config.mounts}
    assert "rw" in access["/sys"]
    assert "rw" in access["/sys/fs/cgroup"]


def test_host_namespaces_are_not_listed() -> None:
    config = made(
        spec(network_mode="host"), facts(network="host", pid="host", ipc="host", shm="/dev/shm", cgroup_v2=True)
    )
    assert {one.type for one in config.linux.namespaces} == {"uts", "mount", "cgroup"}
    assert "net.ipv4.ip_unprivileged_port_start" not in config.linux.sysctl
    shm = [one for one in config.mounts if one.destination == "/dev/shm"]
    assert [(one.type, one.source) for one in shm] == [("bind", "/dev/shm")]


def test_shared_memory() -> None:
    def options(one: ContainerSpec) -> list[tuple[str, ...]]:
        return [mount.options for mount in made(one).mounts if mount.destination == "/dev/shm"]

    assert "size=67108864" in options(spec())[0]
    assert "size=1024" in options(spec(limits=ResourceLimits(shm_size_bytes=1024)))[0]
    assert options(spec(ipc_mode="none")) == []


def test_mounts_of_the_user_replace_standard_ones_and_parents_come_first() -> None:
    own = tuple(oci.Mount(destination=path, type="tmpfs") for path in ("/a/b/c", "/dev/shm", "/a"))
    found = [one.destination for one in made(found=facts(mounts=own)).mounts]
    assert found.count("/dev/shm") == 1
    assert found.index("/a") < found.index("/a/b/c")
    assert found.index("/dev") < found.index("/dev/shm")


def test_init_wraps_the_command() -> None:
    config = made(spec(init=True), facts(init_program="/usr/bin/catatonit"))
    assert config.process.args == ("/sbin/docker-init", "--", "serve")
    assert ("/sbin/docker-init", "/usr/bin/catatonit") in {(one.destination, one.source) for one in config.mounts}


def test_the_rest_of_the_process() -> None:
    config = made(
        spec(
            tty=True,
            read_only=True,
            working_dir="/srv",
            domainname="example",
            sysctls={"net.core.somaxconn": "9"},
            limits=ResourceLimits(ulimits={"core": (0, -1)}, oom_score_adj=-5),
        ),
        facts(security=Security(no_new_privileges=True, apparmor="mine", unmask=True)),
    )
    process = config.process
    assert (process.terminal, process.cwd, process.no_new_privileges, process.apparmor_profile) == (
        True,
        "/srv",
        True,
        "mine",
    )
    assert process.oom_score_adj == -5
    assert oci.Rlimit(type="RLIMIT_CORE", soft=0, hard=2**64 - 1) in process.rlimits
    assert config.root.readonly
    assert config.linux.masked_paths == ()
    assert config.linux.sysctl["kernel.domainname"] == "example"
    assert config.linux.sysctl["net.core.somaxconn"] == "9"


@pytest.mark.parametrize(("option", "expected"), [("rprivate", ""), ("rslave", "slave"), ("rshared", "shared")])
def test_propagation_of_a_mount_opens_the_root(option: str, expected: str) -> None:
    own = (oci.Mount(destination="/x", type="bind", source="/x", options=("rbind", option)),)
    assert made(found=facts(mounts=own)).linux.rootfs_propagation == expected


def test_warnings_are_told() -> None:
    warnings: list[str] = []
    configure(spec(limits=ResourceLimits(pids=5)), facts(controllers=frozenset()), warnings)
    assert len(warnings) == 1


def test_the_json_has_the_specifications_names() -> None:
    config = msgspec.json.decode(oci.encode(made(spec(limits=ResourceLimits(memory_bytes=5, cpus=0.5)))))
    assert config["ociVersion"] == "1.0.2"
    assert config["process"]["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
    assert config["linux"]["cgroupsPath"] == "/cais/c1"
    assert config["linux"]["maskedPaths"]
    assert config["linux"]["readonlyPaths"]
    assert config["linux"]["resources"]["cpu"] == {"quota": 50000, "period": 100000}
    assert config["linux"]["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert config["linux"]["resources"]["memory"] == {"limit": 5, "swap": 10}
    assert config["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_ERRNO"}
    assert "noNewPrivileges" not in config["process"]
