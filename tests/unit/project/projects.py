"""Small projects and states for the tests of `cais.project`."""

from collections.abc import Mapping

from cais.compose.model.project import Project
from cais.compose.model.resources import Network, Volume
from cais.compose.model.service import Condition, Dependency, Healthcheck, Service, ServiceNetwork
from cais.digest import Digest
from cais.engine.protocol import ContainerSpec, ContainerState, State
from cais.images.model import ImageConfig, StoredImage
from cais.project import networks as project_networks
from cais.project import translate
from cais.project.observed import Observed

HEALTHY = Dependency(condition=Condition.HEALTHY)
CHECK = Healthcheck(test=("CMD", "true"))
DEFAULT_NETWORK = {"default": ServiceNetwork()}


def image(letter: str = "a") -> StoredImage:
    return StoredImage(
        id=Digest("sha256:" + letter * 64),
        config=ImageConfig(architecture="amd64", os="linux"),
        chain_ids=(),
        snapshot_paths=(),
        references=(),
        size_bytes=0,
        created_at=0.0,
    )


def service(name: str, *, depends_on: Mapping[str, Dependency] | None = None, **fields: object) -> Service:
    values: dict[str, object] = {"image": f"{name}:1", "networks": DEFAULT_NETWORK, "healthcheck": CHECK, **fields}
    return Service(name=name, depends_on=depends_on or {}, **values)  # type: ignore[arg-type]  # any field of Service


def project(*services: Service, volumes: tuple[str, ...] = ()) -> Project:
    return Project(
        name="shop",
        directory="/shop",
        files=("/shop/compose.yaml",),
        services={s.name: s for s in services},
        networks={"default": Network(key="default", name="shop_default")},
        volumes={key: Volume(key=key, name=f"shop_{key}") for key in volumes},
    )


def images(wanted: Project) -> dict[str, StoredImage]:
    return dict.fromkeys(wanted.services, image())


def state(spec: ContainerSpec, which: State = State.RUNNING) -> ContainerState:
    return ContainerState(
        id="id-" + spec.name, spec=spec, state=which, created_at=1.0, started_at=2.0, finished_at=3.0, exit_code=1
    )


def observed(wanted: Project, which: State = State.RUNNING) -> Observed:
    """Everything of `wanted` is there, one replica each."""
    from cais.engine.protocol import NetworkState, VolumeState

    specs = [translate.container_spec(wanted, s, 1, image()) for s in wanted.services.values()]
    networks = [project_networks.network_spec(wanted, n) for n in wanted.networks.values()]
    volumes = [translate.volume_spec(wanted, v) for v in wanted.volumes.values()]
    return Observed(
        containers={spec.name: state(spec, which) for spec in specs},
        networks={n.name: NetworkState(spec=n, subnet="10.0.0.0/24", gateway="10.0.0.1", bridge="b") for n in networks},
        volumes={v.name: VolumeState(spec=v, path="/v", created_at=1.0) for v in volumes},
    )
