import os
import socket

import pytest

from cais.engine.native.network import hostports
from cais.engine.protocol import PortSpec, Transport
from cais.errors import UsageError

LOOPBACK = "127.0.0.1"


def test_all_addresses_have_one_spelling() -> None:
    assert hostports.normalised(PortSpec(container_port=80, host_ip="0.0.0.0")) == PortSpec(container_port=80)
    kept = PortSpec(container_port=80, host_ip=LOOPBACK)
    assert hostports.normalised(kept) == kept
    long = PortSpec(container_port=80, host_ip="0:0::0001")
    assert hostports.normalised(long) == PortSpec(container_port=80, host_ip="::1")
    assert hostports.normalised(PortSpec(container_port=80), "10.0.0.1") == PortSpec(
        container_port=80, host_ip="10.0.0.1"
    )
    assert hostports.normalised(PortSpec(container_port=80, host_ip="0.0.0.0"), "10.0.0.1").host_ip == ""
    for wrong in ("::x", "10.0.0", "here"):
        with pytest.raises(UsageError, match="is no IP address"):
            hostports.normalised(PortSpec(container_port=80, host_port=8080, host_ip=wrong))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        *(("", "", True), ("", LOOPBACK, True), (LOOPBACK, LOOPBACK, True), (LOOPBACK, "10.0.0.1", False)),
        *(("", "::1", True), ("::", "::1", True), ("::1", "::1", True), ("::1", "::2", False), ("::", LOOPBACK, False)),
    ],
)
def test_overlap(one: str, other: str, shared: bool) -> None:
    assert hostports.overlap(one, other) == hostports.overlap(other, one) == shared


@pytest.mark.parametrize("protocol", list(Transport))
def test_taken_port_is_seen_with_its_holder(protocol: Transport) -> None:
    kind = socket.SOCK_STREAM if protocol is Transport.TCP else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taker:
        taker.bind((LOOPBACK, 0))
        if protocol is Transport.TCP:
            taker.listen()
        port = PortSpec(container_port=80, host_port=taker.getsockname()[1], protocol=protocol)
        assert not hostports.is_free(port)
        found = hostports.holder(port)
        assert found.pid == os.getpid()
        assert f"(pid {os.getpid()})" in str(found)
    assert hostports.is_free(port)


def test_held_port_is_known_as_ours_until_the_record_is_replaced(tmp_path: object) -> None:
    held = hostports.HeldPorts(f"{tmp_path}/held")
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = PortSpec(container_port=80, host_ip=LOOPBACK, host_port=probe.getsockname()[1])
    assert not held.holds(port)
    (kept,) = held.hold("shop", [port])
    with kept:
        assert not hostports.is_free(port)
        assert held.holds(port)
        assert hostports.HeldPorts(f"{tmp_path}/held").holds(port)
        assert held.hold("other", [port]) == []
    assert held.hold("shop", []) == []
    assert not held.holds(port)
