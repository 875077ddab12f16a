import pytest
from msgspec import structs

from cais.compose.model.deploy import Deploy, DeployRestart, ResourceSet
from cais.compose.model.mounts import ServiceMount
from cais.compose.model.ports import Port
from cais.compose.model.resources import FileObject
from cais.compose.model.service import FileReference, Healthcheck, Service, ServiceNetwork
from cais.engine.protocol import ContainerSpec, MountKind, ProbeSpec, RestartMode, RestartPolicy
from cais.errors import CaisError
from cais.images.model import HealthConfig
from cais.project import names
from cais.project.translate import container_spec, limits, probe_spec, restart_policy
from tests.unit.project.projects import image, project, service


def spec_of(wanted: Service, number: int = 1, **shop: object) -> ContainerSpec:
    import msgspec

    return container_spec(msgspec.structs.replace(project(wanted), **shop), wanted, number, image())


def test_names_and_labels_are_those_of_docker_compose() -> None:
    spec = spec_of(service("api"), 2)
    assert spec.name == "shop-api-2"
    assert spec.labels[names.PROJECT] == "shop"
    assert spec.labels[names.NUMBER] == "2"
    assert spec.labels[names.ONE_OFF] == "False"
    assert spec.labels[names.CONFIG_HASH] == spec.config_hash


def test_a_built_service_without_image_is_named_after_project_and_service() -> None:
    assert names.image_reference("shop", service("api", image="")) == "shop-api"


def test_aliases_are_container_service_and_own() -> None:
    spec = spec_of(service("api", networks={"default": ServiceNetwork(aliases=("backend",))}))
    assert spec.endpoints[0].network == "shop_default"
    assert spec.endpoints[0].aliases == ("shop-api-1", "api", "backend")


def test_environment_without_value_is_left_out() -> None:
    assert spec_of(service("api", environment={"A": "1", "B": None})).environment == {"A": "1"}


@pytest.mark.parametrize(("published", "number", "expected"), [("", 1, 0), ("8080", 1, 8080), ("8080-8082", 3, 8082)])
def test_host_ports(published: str, number: int, expected: int) -> None:
    assert spec_of(service("api", ports=(Port(target=80, published=published),)), number).ports[0].host_port == expected


def test_a_range_that_is_used_up_is_refused() -> None:
    with pytest.raises(CaisError, match="no port left in the range 8080-8081"):
        spec_of(service("api", ports=(Port(target=80, published="8080-8081"),)), 3)


def test_named_volume_has_the_engines_name() -> None:
    shop = project(volumes=("data",))
    wanted = service(
        "db",
        volumes=(
            ServiceMount(type="volume", source="data", target="/d"),
            ServiceMount(type="volume", target="/anonymous"),
        ),
    )
    mounts = spec_of(wanted, volumes=shop.volumes).mounts
    assert [(m.kind, m.source, m.target) for m in mounts] == [
        (MountKind.VOLUME, "shop_data", "/d"),
        (MountKind.VOLUME, "", "/anonymous"),
    ]


def test_short_tmpfs_options() -> None:
    mount = spec_of(service("api", tmpfs=("/run:size=64m,mode=1777",))).mounts[0]
    assert (mount.kind, mount.target, mount.tmpfs_size_bytes, mount.tmpfs_mode) == (
        MountKind.TMPFS,
        "/run",
        64 << 20,
        0o1777,
    )


def test_unknown_tmpfs_option_is_refused() -> None:
    with pytest.raises(CaisError, match='option "colour=5" is not known'):
        spec_of(service("api", tmpfs=("/run:colour=5",)))


def test_file_secret_is_a_bind_mount_and_inline_config_a_file() -> None:
    wanted = service(
        "api",
        secrets=(FileReference(source="key", target="/run/secrets/key"),),
        configs=(FileReference(source="conf", target="/conf", mode=0o400),),
    )
    spec = spec_of(
        wanted,
        secrets={"key": FileObject(key="key", name="shop_key", file="/shop/key.txt")},
        configs={"conf": FileObject(key="conf", name="shop_conf", content="x")},
    )
    assert [(m.source, m.target, m.read_only) for m in spec.mounts] == [("/shop/key.txt", "/run/secrets/key", True)]
    assert [(f.target, f.content, f.mode) for f in spec.files] == [("/conf", b"x", 0o400)]


def test_changed_inline_config_changes_the_hash() -> None:
    wanted = service("api", configs=(FileReference(source="conf", target="/conf"),))
    one = spec_of(wanted, configs={"conf": FileObject(key="conf", name="c", content="x")})
    two = spec_of(wanted, configs={"conf": FileObject(key="conf", name="c", content="y")})
    assert one.config_hash != two.config_hash


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, RestartPolicy()),
        ({"restart": "unless-stopped"}, RestartPolicy(RestartMode.UNLESS_STOPPED)),
        ({"restart": "on-failure:3"}, RestartPolicy(RestartMode.ON_FAILURE, 3)),
        (
            {"deploy": Deploy(restart_policy=DeployRestart(condition="on-failure", max_attempts=2))},
            RestartPolicy(RestartMode.ON_FAILURE, 2),
        ),
        (
            {"restart": "no", "deploy": Deploy(restart_policy=DeployRestart(delay=2.0, window=5.0))},
            RestartPolicy(RestartMode.ALWAYS, delay_s=2.0, window_s=5.0),
        ),
        ({"restart": "always", "deploy": Deploy(replicas=2)}, RestartPolicy(RestartMode.ALWAYS)),
    ],
)
def test_restart_policy(fields: dict[str, object], expected: RestartPolicy) -> None:
    assert restart_policy(service("api", depends_on=None, **fields)) == expected


def test_own_limits_go_before_those_of_deploy() -> None:
    found = limits(service("api", mem_limit=5, deploy=Deploy(limits=ResourceSet(memory=7, cpus=0.5, pids=9))))
    assert (found.memory_bytes, found.cpus, found.pids) == (5, 0.5, 9)


IMAGE_CHECK = HealthConfig(test=("CMD", "true"), interval=5_000_000_000, retries=7)


@pytest.mark.parametrize(
    ("check", "image_check", "expected"),
    [
        (None, None, None),
        (None, IMAGE_CHECK, ProbeSpec(test=("CMD", "true"), interval_s=5.0, retries=7)),
        (Healthcheck(disable=True), IMAGE_CHECK, None),
        (Healthcheck(test=("NONE",)), IMAGE_CHECK, None),
        (Healthcheck(interval=1.0), IMAGE_CHECK, ProbeSpec(test=("CMD", "true"), interval_s=1.0, retries=7)),
        (Healthcheck(interval=1.0), None, None),
        (Healthcheck(test=("CMD", "x"), start_period=0.0), None, ProbeSpec(test=("CMD", "x"))),
    ],
)
def test_health_check_over_the_images(
    check: Healthcheck | None, image_check: HealthConfig | None, expected: ProbeSpec | None
) -> None:
    assert probe_spec(check, image_check) == expected


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("seccomp:./profile.json", "seccomp=/shop/./profile.json"),
        ("seccomp=/etc/profile.json", "seccomp=/etc/profile.json"),
        ("seccomp:unconfined", "seccomp:unconfined"),
        ("no-new-privileges:true", "no-new-privileges:true"),
    ],
)
def test_a_seccomp_profile_lies_beside_the_compose_file(option: str, expected: str) -> None:
    assert spec_of(service("api", security_opt=(option,))).security_opt == (expected,)


@pytest.mark.parametrize(
    ("exposed", "fields", "expected"),
    [
        ((), {}, False),
        (("80/tcp",), {}, True),
        (("53/udp",), {}, False),
        ((), {"expose": ("8000",)}, True),
        ((), {"expose": ("8000-8010/udp",)}, False),
        ((), {"ports": (Port(target=80),)}, True),
        ((), {"ports": (Port(target=53, protocol="udp"),)}, False),
    ],
)
def test_a_named_port_tells_that_the_service_will_listen(
    exposed: tuple[str, ...], fields: dict[str, object], *, expected: bool
) -> None:
    web = structs.replace(service("web", healthcheck=Healthcheck(test=("CMD", "true"))), **fields)
    stored = image("a")
    config = structs.replace(stored.config.config, exposed_ports={port: {} for port in exposed})
    stored = structs.replace(stored, config=structs.replace(stored.config, config=config))
    spec = container_spec(project(web), web, 1, stored)
    assert spec.probe is not None
    assert spec.probe.listens is expected
