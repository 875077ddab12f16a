import pytest

from cais.engine.native.ahead import can_be_made_ahead
from cais.engine.protocol import ContainerSpec, FileSpec, MountKind, MountSpec

PLAIN = {"name": "a", "image_id": "sha256:0", "image_reference": "a"}


def volume(target: str, **fields: object) -> MountSpec:
    return MountSpec(kind=MountKind.VOLUME, source="v", target=target, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "working_dir", "expected"),
    [
        ({}, "", True),
        ({"network_mode": "none"}, "/app", True),
        ({"network_mode": "host"}, "/app", True),
        ({"mounts": (MountSpec(kind=MountKind.TMPFS, source="", target="/app"),)}, "/app", True),
        ({"mounts": (volume("/data"),)}, "/app", True),
        ({"mounts": (volume("/app"),)}, "/app", False),
        ({"mounts": (volume("/app/"),)}, "/app", False),
        ({"mounts": (volume("/app"),)}, "/app/below", False),
        ({"mounts": (volume("/app"),)}, "/apple", True),
        ({"mounts": (volume("/app/data"),)}, "/app", True),
        ({"mounts": (volume("/data", subpath="x"),)}, "/app", False),
        ({"mounts": (MountSpec(kind=MountKind.BIND, source="/srv", target="/srv"),)}, "/app", False),
        ({"files": (FileSpec(target="/run/secrets/a", content=b"x"),)}, "", True),
        ({"files": (FileSpec(target="/run/secrets/a", source="/etc/a"),)}, "", False),
        ({"network_mode": "container:x"}, "", False),
        ({"pid_mode": "container:x"}, "", False),
        ({"ipc_mode": "container:x"}, "", False),
        ({"ipc_mode": "shareable"}, "", True),
        ({"host_links": (("db", "x"),)}, "", False),
        ({"privileged": True}, "", False),
        ({"devices": (("/dev/fuse", "/dev/fuse", "rw"),)}, "", False),
    ],
)
def test_only_what_nobody_changes_meanwhile_is_taken_early(
    fields: dict[str, object], working_dir: str, *, expected: bool
) -> None:
    spec = ContainerSpec(**{**PLAIN, **fields})  # type: ignore[arg-type]
    assert can_be_made_ahead(spec, working_dir) is expected
