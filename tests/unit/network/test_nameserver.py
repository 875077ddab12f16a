import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.engine.native.network.names import Place, container_file
from cais.engine.native.network.nameserver import (
    MAX_MESSAGE_BYTES,
    Container,
    Table,
    Upstreams,
    answer,
    failure,
    receive_framed,
)

A, AAAA, PTR, ANY = 1, 28, 12, 255


def query(name: str, kind: int = A, *, edns: int = 0) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    extra = b"\0\0\x29" + struct.pack(">HIH", edns, 0, 0) if edns else b""
    return (
        struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, int(edns > 0)) + labels + b"\0" + struct.pack(">HH", kind, 1) + extra
    )


def container(name: str, *places: tuple[str, str], forward: bool = False) -> Container:
    text = container_file("/ns", [Place(network, address, (name,)) for network, address in places], forward=forward)
    return Container.parse(text)


@pytest.fixture
def table() -> Table:
    made = Table()
    made.put("web", container("web", ("front", "10.0.0.2")))
    made.put("db", container("db", ("back", "10.0.1.2")))
    made.put("both", container("both", ("front", "10.0.0.3"), ("back", "10.0.1.3")))
    made.put("open", container("open", ("front", "10.0.0.4"), forward=True))
    return made


def ask(table: Table, asker: str, name: str, kind: int = A) -> tuple[int, list[str]]:
    asked = query(name, kind)
    response = answer(table, table.containers[asker], asked)
    assert response is not None
    assert response[:2] == asked[:2]
    count = struct.unpack_from(">H", response, 6)[0]
    offset, found = len(asked), []
    for _ in range(count):
        length = struct.unpack_from(">H", response, offset + 10)[0]
        packed = response[offset + 12 : offset + 12 + length]
        found.append(socket.inet_ntop(socket.AF_INET if length == 4 else socket.AF_INET6, packed))
        offset += 12 + length
    return response[3] & 15, found


@pytest.mark.parametrize("name", ["web", "WEB", "web.front"])
def test_name_of_a_shared_network(table: Table, name: str) -> None:
    assert ask(table, "both", name) == (0, ["10.0.0.2"])


def test_names_of_other_networks_do_not_exist(table: Table) -> None:
    assert ask(table, "web", "db") == (3, [])
    assert ask(table, "both", "db") == (0, ["10.0.1.2"])


def test_other_types_of_a_known_name_are_empty_not_missing(table: Table) -> None:
    """musl gives up on a name when AAAA does not exist."""
    assert ask(table, "both", "web", AAAA) == (0, [])


def test_a_name_has_addresses_of_both_kinds(table: Table) -> None:
    table.put("six", container("six", ("front", "10.0.0.6"), ("front", "fd00::6")))
    assert ask(table, "web", "six") == (0, ["10.0.0.6"])
    assert ask(table, "web", "six", AAAA) == (0, ["fd00::6"])
    assert sorted(ask(table, "web", "six", ANY)[1]) == ["10.0.0.6", "fd00::6"]
    nibbles = "6." + "0." * 29 + "d.f"
    response = answer(table, table.containers["web"], query(f"{nibbles}.ip6.arpa", PTR))
    assert response is not None
    assert response.endswith(b"\3six\5front\0")
    for strange in ("6.0.d.f.ip6.arpa", "x." * 31 + "x.ip6.arpa", "ip6.arpa"):
        assert ask(table, "web", strange, PTR)[0] == 3


def test_address_gives_its_name(table: Table) -> None:
    response = answer(table, table.containers["both"], query("2.0.0.10.in-addr.arpa", PTR))
    assert response is not None
    assert response.endswith(b"\3web\5front\0")


def test_unknown_names_go_to_the_host_unless_internal(table: Table) -> None:
    assert answer(table, table.containers["open"], query("example.com")) is None
    assert ask(table, "web", "example.com") == (3, [])


def test_replicas_take_turns_and_leave(table: Table) -> None:
    for number in (1, 2, 3):
        table.put(f"app-{number}", container("app", ("front", f"10.0.0.1{number}")))
    firsts = {ask(table, "web", "app")[1][0] for _ in range(3)}
    assert firsts == {"10.0.0.11", "10.0.0.12", "10.0.0.13"}
    table.put("app-2", None)
    assert sorted(ask(table, "web", "app")[1]) == ["10.0.0.11", "10.0.0.13"]
    table.put("app-3", container("other", ("front", "10.0.0.13")))
    assert ask(table, "web", "app") == (0, ["10.0.0.11"])


def test_long_answer_is_cut_to_what_the_client_takes(table: Table) -> None:
    for number in range(100):
        table.put(f"app-{number}", container("app", ("front", f"10.0.2.{number}")))
    web = table.containers["web"]
    plain, wide = answer(table, web, query("app")), answer(table, web, query("app", edns=1232))
    whole = answer(table, web, query("app"), limit=MAX_MESSAGE_BYTES)
    assert plain is not None and wide is not None and whole is not None  # noqa: PT018
    assert len(plain) <= 512 < len(wide) <= 1232 < len(whole)
    assert plain[2] & 2, "truncated: asks again over TCP"
    assert not whole[2] & 2


def test_other_operations_are_not_implemented(table: Table) -> None:
    update = bytearray(query("web"))
    update[2] = 5 << 3
    response = answer(table, table.containers["web"], bytes(update))
    assert response is not None
    assert response[3] & 15 == 4


@given(st.binary(max_size=80), st.binary(max_size=3))
def test_hostile_bytes_are_answered_or_refused(data: bytes, cut: bytes) -> None:
    made = Table()
    made.put("web", container("web", ("front", "10.0.0.2")))
    asker = made.containers["web"]
    for candidate in (data, query("web")[: len(data)], query("web")[:12] + data, query("web") + cut):
        try:
            response = answer(made, asker, candidate)
        except ValueError:
            continue
        assert response is not None
        assert response[2] & 0x80
        assert failure(candidate)[3] & 15 == 2


def test_resolvers_are_read_again_when_the_file_changes(tmp_path: object) -> None:
    path = f"{tmp_path}/resolv.conf"
    upstreams = Upstreams(path)
    assert upstreams.servers() == []
    for servers in (["192.0.2.1"], ["192.0.2.2", "2001:db8::1"]):
        with open(path, "w") as stream:
            stream.write("search x\n" + "".join(f"nameserver {server}\n" for server in servers))
        assert upstreams.servers() == servers


def test_framed_message_arrives_in_pieces() -> None:
    one, other = socket.socketpair()
    with one, other:
        other.sendall(b"\0")
        other.sendall(b"\3ab")
        other.sendall(b"c")
        assert receive_framed(one) == b"abc"
        other.shutdown(socket.SHUT_WR)
        assert receive_framed(one) == b""


def test_links_are_known_to_their_container_alone_and_go_before_names(table: Table) -> None:
    text = container_file(
        "/ns",
        [Place("front", "10.0.0.9", ("linker",))],
        forward=False,
        links=[("www", "WEB"), ("open", "web"), ("gone", "nobody")],
    )
    table.put("linker", Container.parse(text))
    assert ask(table, "linker", "www") == (0, ["10.0.0.2"])
    assert ask(table, "linker", "open") == (0, ["10.0.0.2"])
    assert ask(table, "both", "open") == (0, ["10.0.0.4"])
    assert ask(table, "both", "www") == (3, [])
    assert ask(table, "linker", "gone") == (3, [])
    # Of another network: the container it stands for is not reached from here.
    assert ask(table, "linker", "db") == (3, [])
