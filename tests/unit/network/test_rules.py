import pytest
from msgspec.structs import replace

from cais.engine.native.network import rules, rules6
from cais.engine.native.network.plan import Bridge, Side6
from cais.engine.protocol import PortSpec, Transport
from cais.linux.addresses import Subnet
from cais.linux.addresses6 import Subnet6

OPEN = Bridge(name="cais-1", subnet=Subnet.parse("10.188.0.0/24"), gateway="10.188.0.1")
CLOSED = Bridge(name="cais-2", subnet=Subnet.parse("10.188.1.0/24"), gateway="10.188.1.1", internal=True)
EVERYWHERE = rules.Forward(port=PortSpec(container_port=80, host_port=8080), address="10.188.0.2")
HERE = rules.Forward(
    port=PortSpec(container_port=53, host_port=5353, host_ip="127.0.0.1", protocol=Transport.UDP), address="10.188.0.3"
)


def test_adding_a_network_touches_nothing_else() -> None:
    assert rules.add_bridge("t", OPEN).splitlines() == [
        'add element ip t bridges { "cais-1" }',
        'add element ip t pairs { "cais-1" . "cais-1" }',
        'add element ip t homes { 10.188.0.0/24 . "cais-1" }',
        "add element ip t outward { 10.188.0.0/24 }",
    ]


def test_internal_network_has_no_way_out() -> None:
    script = rules.add_bridge("t", CLOSED)
    assert 'internal { "cais-2" }' in script
    assert "outward" not in script


def test_a_network_with_ipv6_has_a_table_of_its_own() -> None:
    side = Side6(Subnet6.parse("fd00::/64"), "fd00::1")
    script = rules6.add_bridge("t", replace(OPEN, side6=side))
    table = rules6.table_of("t", "cais-1")
    assert script.startswith(f"add table ip6 {table}\ndelete table ip6 {table}\n")
    assert 'ip6 saddr fd00::/64 oifname != "cais-1" masquerade' in script
    assert rules.add_bridge("t", replace(OPEN, side6=side)).endswith(script)
    closed = rules6.add_bridge("t", replace(CLOSED, side6=side))
    assert "masquerade" not in closed
    assert "established" not in closed
    apart = rules6.add_bridge("t", replace(OPEN, side6=side, talks=False))
    assert 'iifname "cais-1" oifname "cais-1" accept' in script
    assert 'iifname "cais-1" oifname "cais-1" accept' not in apart
    assert rules6.add_bridge("t", OPEN) == rules6.remove_bridge("t", OPEN) == ""


def test_publishing_is_one_element_a_port() -> None:
    assert rules.publish("t", [EVERYWHERE, HERE]).splitlines() == [
        "add element ip t published { tcp . 8080 : 10.188.0.2 . 80 }",
        "add element ip t published_at { 127.0.0.1 . udp . 5353 : 10.188.0.3 . 53 }",
    ]
    assert rules.publish("t", []) == ""


@pytest.mark.parametrize("script", [rules.remove_bridge("t", OPEN), rules.unpublish("t", [EVERYWHERE, HERE])])
def test_removal_works_where_nothing_is(script: str) -> None:
    lines = script.splitlines()
    assert [line.replace("add ", "delete ", 1) for line in lines[::2]] == lines[1::2]


def test_the_whole_holds_every_part() -> None:
    whole = rules.replace("t", [OPEN, CLOSED], [EVERYWHERE])
    assert whole.startswith("add table ip t\ndelete table ip t\n")
    for part in (rules.add_bridge("t", OPEN), rules.add_bridge("t", CLOSED), rules.publish("t", [EVERYWHERE])):
        assert part in whole
    assert f"chain {rules.SMALLEST_CHAIN} {{" in whole
