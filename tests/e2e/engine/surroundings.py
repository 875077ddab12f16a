"""Stands in for the image store and the networking: one image from a folder, network namespaces with nothing in them."""

from __future__ import annotations

import os
import threading
from typing import cast

import msgspec

from cais.clock import SystemClock
from cais.database import Database
from cais.digest import digest_bytes
from cais.engine.native.engine import NativeEngine
from cais.engine.native.netprotocol import Endpoint
from cais.engine.protocol import ContainerSpec, EndpointSpec, NetworkSpec, NetworkState, PortSpec
from cais.events import Event
from cais.images.model import ImageConfig, RunConfig, StoredImage
from cais.images.protocol import ImageStore
from cais.linux import mount
from cais.linux.namespaces import unshare
from cais.locations import Locations

CLONE_NEWNET = 0x40000000
IMAGE = "sha256:" + "1" * 64


class OneImage:
    """A store with one image, whose layers are `layers`, bottom first."""

    def __init__(self, layers: list[str], config: RunConfig) -> None:
        self._layers = layers
        self.image = StoredImage(
            id=digest_bytes(b"image"),
            config=ImageConfig(architecture="amd64", os="linux", config=config),
            chain_ids=("x",),
            snapshot_paths=(),
            references=("tiny",),
            size_bytes=0,
            created_at=0.0,
        )

    def find(self, reference_or_id: str) -> StoredImage | None:
        if reference_or_id != IMAGE:
            return None
        return msgspec.structs.replace(self.image, snapshot_paths=tuple(self._layers))


class Isolation:
    """Networking in which every endpoint is a namespace of its own."""

    def __init__(self, run: str) -> None:
        self._folder = os.path.join(run, "fakenet")
        self.names: dict[str, dict[str, tuple[str, ...]]] = {}

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        return NetworkState(spec=spec, subnet="10.9.0.0/24", gateway="10.9.0.1", bridge="none0")

    def remove_network(self, name: str) -> None:
        return None

    def networks(self) -> tuple[NetworkState, ...]:
        return (self.ensure_network(NetworkSpec(name="net")),)

    def connect(
        self, container_id: str, hostname: str, endpoints: tuple[EndpointSpec, ...], ports: tuple[PortSpec, ...]
    ) -> Endpoint:
        self.names[container_id] = {one.network: one.aliases for one in endpoints}
        addresses = {one.network: f"10.9.0.{number}" for number, one in enumerate(endpoints, 2)}
        return Endpoint(
            namespace=self._namespace(container_id), addresses=addresses, ports=ports, name_servers=("10.9.0.1",)
        )

    def isolate(self, container_id: str) -> Endpoint:
        return Endpoint(namespace=self._namespace(container_id), addresses={}, ports=(), name_servers=())

    def disconnect(self, container_id: str) -> None:
        path = os.path.join(self._folder, container_id)
        if os.path.exists(path):
            if is_namespace(path):
                mount.unmount(path, lazy=True)
            os.unlink(path)

    def set_names(self, container_id: str, names: dict[str, tuple[str, ...]]) -> None:
        self.names[container_id] = names

    def withdraw(self, container_id: str) -> None:
        self.names[container_id] = {}

    def restore(
        self, container_id: str, names: dict[str, tuple[str, ...]], ports: tuple[PortSpec, ...]
    ) -> tuple[PortSpec, ...]:
        self.names[container_id] = names
        return ports

    def repair(self, living: frozenset[str]) -> tuple[str, ...]:
        return ()

    def _namespace(self, container_id: str) -> str:
        os.makedirs(self._folder, exist_ok=True)
        path = os.path.join(self._folder, container_id)
        if not is_namespace(path):
            open(path, "a").close()

            def body() -> None:
                unshare(CLONE_NEWNET)
                mount.bind("/proc/thread-self/ns/net", path)

            thread = threading.Thread(target=body)
            thread.start()
            thread.join()
        return path


def is_namespace(path: str) -> bool:
    return os.path.exists(path) and os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev


class Sink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class World:
    """An engine with one image and everything around it."""

    def __init__(self, locations: Locations, root: str, config: RunConfig) -> None:
        self.locations = locations
        self.networking = Isolation(locations.run)
        self.sink = Sink()
        self.layers = [root]
        store = cast("ImageStore", OneImage(self.layers, config))
        self.database = Database(locations.database)
        self.engine = NativeEngine(
            locations, self.database, lambda: store, lambda: self.networking, SystemClock(), self.sink
        )

    def spec(self, name: str, *argv: str, **fields: object) -> ContainerSpec:
        values: dict[str, object] = {
            "image_id": IMAGE,
            "image_reference": "tiny",
            "command": argv or None,
            "network_mode": "none",
            "stop_grace_period_s": 0.3,
        }
        return ContainerSpec(name=name, **{**values, **fields})  # type: ignore[arg-type]

    def clear(self) -> None:
        for state in self.engine.containers():
            self.engine.remove(state.id, force=True, volumes=True)
        for volume in self.engine.volumes():
            self.engine.remove_volume(volume.spec.name)
        self.database.close()
