"""The bytes of the requests, read back by an independent reader of the format (netlink(7))."""

import struct

from cais.linux import rtnetlink
from cais.linux.addresses import Subnet


def attributes(data: bytes) -> dict[int, bytes]:
    found, offset = {}, 0
    while offset < len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        assert length >= 4
        found[kind] = data[offset + 4 : offset + length]
        offset += length + -length % 4
    assert offset == len(data)
    return found


def test_bridge_has_name_kind_and_fixed_mac() -> None:
    request = rtnetlink.new_bridge("cais-12345678", "02:42:0a:bc:00:01")
    outer = attributes(request.body[16:])
    assert outer[3] == b"cais-12345678\0"
    assert outer[1] == bytes.fromhex("02420abc0001")
    assert attributes(outer[18]) == {1: b"bridge\0"}
    assert request.kind == 16
    assert request.flags == 0x600


def test_veth_is_made_with_its_peer_in_the_namespace_and_its_port_on_the_bridge() -> None:
    request = rtnetlink.new_veth("cv1", peer="eth0", peer_mac="02:42:0a:bc:00:02", namespace_fd=7, bridge_index=9)
    outer = attributes(request.body[16:])
    assert struct.unpack("=I", outer[10]) == (9,)
    info = attributes(outer[18])
    assert info[1] == b"veth\0"
    peer = attributes(attributes(info[2])[1][16:])
    assert peer[3] == b"eth0\0"
    assert peer[1] == bytes.fromhex("02420abc0002")
    assert struct.unpack("=I", peer[28]) == (7,)


def test_address_has_prefix_and_broadcast() -> None:
    body = rtnetlink.add_address(5, "10.188.0.2", Subnet.parse("10.188.0.0/24")).body
    assert struct.unpack_from("=BBBBI", body) == (2, 24, 0, 0, 5)
    assert attributes(body[8:]) == {1: bytes([10, 188, 0, 2]), 2: bytes([10, 188, 0, 2]), 4: bytes([10, 188, 0, 255])}


def test_hairpin_and_retirement_are_settings_of_the_port() -> None:
    info = attributes(attributes(rtnetlink.reflect("cv1").body[16:])[18])
    assert info[4] == b"bridge\0"
    assert attributes(info[5]) == {4: b"\1"}
    retired = rtnetlink.retire("cv1", 5).body
    assert struct.unpack_from("=BxHi", retired) == (7, 0, 5)
    assert attributes(attributes(retired[16:])[12 | 0x8000]) == {8: b"\0", 1: b"\0", 24: b""}


def test_requests_say_what_they_are_for() -> None:
    assert rtnetlink.delete_link("cv1").doing == "delete interface cv1"
    assert rtnetlink.add_default_route("10.188.0.1").doing == "route to 10.188.0.1"
