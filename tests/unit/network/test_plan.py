import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.engine.native.network import plan
from cais.errors import Conflict, HostError, UsageError
from cais.linux.addresses import Subnet
from cais.linux.addresses6 import Subnet6

POOL = (Subnet.parse("10.0.0.0/22"),)
subnets = st.builds(
    lambda number, prefix: Subnet.around(f"10.0.{number % 5}.{number % 256}", prefix),
    st.integers(0, 1279),
    st.integers(20, 32),
)


@given(st.lists(subnets, max_size=12))
def test_chosen_subnet_is_free_and_in_the_pool(occupied: list[Subnet]) -> None:
    try:
        chosen = plan.choose_subnet(occupied, POOL)
    except HostError:
        assert all(any(Subnet.parse(f"10.0.{n}.0/24").overlaps(other) for other in occupied) for n in range(4))
        return
    assert chosen.prefix == 24
    assert POOL[0].overlaps(chosen)
    assert not any(chosen.overlaps(other) for other in occupied)


def test_pools_leave_dockers_defaults_alone() -> None:
    docker = [f"172.{n}.0.0/16" for n in range(17, 32)] + [f"192.168.{n}.0/20" for n in range(0, 224, 16)]
    assert not any(pool.overlaps(Subnet.parse(text)) for pool in plan.POOLS for text in docker)


def test_lowest_free_address_is_chosen_until_full() -> None:
    subnet = Subnet.parse("10.0.0.0/29")
    taken: list[str] = []
    for number in range(2, 7):
        taken.append(plan.choose_address(subnet, taken))
        assert taken[-1] == f"10.0.0.{number}"
    with pytest.raises(HostError, match=r"network 10\.0\.0\.0/29 has no free address"):
        plan.choose_address(subnet, taken)
    taken.remove("10.0.0.4")
    assert plan.choose_address(subnet, taken) == "10.0.0.4"


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("10.0.0.x", UsageError, "not an IPv4 address"),
        ("10.0.1.5", UsageError, 'is not one of network "n"'),
        ("10.0.0.0", UsageError, 'is not one of network "n"'),
        ("10.0.0.255", UsageError, 'is not one of network "n"'),
        ("10.0.0.5", Conflict, "is taken"),
    ],
)
def test_unusable_address_is_refused(address: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan.check_address("n", Subnet.parse("10.0.0.0/24"), address, ["10.0.0.5"])


@pytest.mark.parametrize(
    ("subnet", "gateway", "error", "message"),
    [
        ("10.9.0.0", "", UsageError, "is not an IPv4 subnet"),
        ("10.9.0.0/31", "", UsageError, "no room"),
        ("10.9.0.0/24", "10.8.0.1", UsageError, "gateway .* is not in subnet"),
        ("10.0.0.0/8", "", Conflict, r"overlaps 10\.0\.0\.0/24, which this host uses"),
    ],
)
def test_unusable_subnet_is_refused(subnet: str, gateway: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan.given_subnet("n", Subnet, subnet, gateway, [Subnet.parse("10.0.0.0/24")])


def test_given_subnet_and_gateway_hold() -> None:
    free: list[Subnet] = []
    assert plan.given_subnet("n", Subnet, "10.9.0.0/24", "", free) == (Subnet.parse("10.9.0.0/24"), "10.9.0.1")
    assert plan.given_subnet("n", Subnet, "10.9.0.0/24", "10.9.0.9", free)[1] == "10.9.0.9"


def test_ipv6_is_given_and_checked_alike() -> None:
    subnet, gateway = plan.given_subnet("n", Subnet6, "FD00:1:0::/64", "", [])
    assert (str(subnet), gateway) == ("fd00:1::/64", "fd00:1::1")
    assert plan.choose_address(subnet, [gateway, "fd00:1::2"]) == "fd00:1::3"
    assert plan.check_address("n", subnet, "fd00:1:0:0::0A", []) == "fd00:1::a"
    with pytest.raises(UsageError, match=r"ipv6_address: .* is not an IPv6 address"):
        plan.check_address("n", subnet, "10.0.0.1", [])
    with pytest.raises(Conflict, match="is taken on network"):
        plan.check_address("n", subnet, "fd00:1::0003", ["fd00:1::3"])
    with pytest.raises(Conflict, match="which this host uses"):
        plan.given_subnet("n", Subnet6, "fd00::/16", "", [subnet])


@given(st.text(), st.text())
def test_a_chosen_ipv6_subnet_is_a_local_one_and_the_same_again(root: str, network: str) -> None:
    chosen = plan.choose_subnet6(root, network, [])
    assert chosen == plan.choose_subnet6(root, network, [])
    assert ipaddress.IPv6Network(str(chosen)).subnet_of(ipaddress.IPv6Network("fd00::/8"))
    assert chosen.prefix == 64
    assert not plan.choose_subnet6(root, network, [chosen]).overlaps(chosen)


@given(st.text(), st.text(), st.text())
def test_interface_names_fit_the_kernel_and_tell_roots_apart(root: str, one: str, other: str) -> None:
    for name in (plan.bridge_name(root, one), plan.interface_name(root, one, other)):
        assert len(name) <= 15
        assert name.isascii()
    if root != one:
        assert plan.bridge_name(root, other) != plan.bridge_name(one, other)
