import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.linux import addresses6
from cais.linux.addresses import Subnet, format_address, mac_for, parse_address
from cais.linux.addresses6 import Subnet6

prefixes = st.integers(0, 32)
numbers = st.integers(0, 2**32 - 1)


@given(numbers)
def test_address_round_trip(number: int) -> None:
    assert parse_address(format_address(number)) == number
    assert format_address(number) == str(ipaddress.IPv4Address(number))


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "a.b.c.d", "1.2.3.-4", "::1", "1.2.3.٤"]
)
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an IPv4 address"):
        parse_address(text)


@given(numbers, prefixes, numbers, prefixes)
def test_subnets_agree_with_the_standard_library(a: int, m: int, b: int, n: int) -> None:
    one, other = Subnet.around(format_address(a), m), Subnet.around(format_address(b), n)
    theirs = ipaddress.IPv4Network((a, m), strict=False)
    assert str(one) == str(theirs)
    assert one.broadcast == str(theirs.broadcast_address)
    assert one.overlaps(other) == theirs.overlaps(ipaddress.IPv4Network((b, n), strict=False))
    assert one.holds(format_address(b)) == (ipaddress.IPv4Address(b) in theirs)


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.1/24", "10.0.0/24"])
def test_malformed_subnet_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="10"):
        Subnet.parse(text)


def test_mac_follows_the_address() -> None:
    assert mac_for("10.188.0.17") == "02:42:0a:bc:00:11"


@given(st.integers(0, 2**128 - 1), st.integers(0, 128), st.integers(0, 2**128 - 1))
def test_ipv6_agrees_with_the_standard_library(a: int, prefix: int, b: int) -> None:
    subnet = Subnet6.around(addresses6.format_address(a), prefix)
    theirs = ipaddress.IPv6Network((a, prefix), strict=False)
    assert (subnet.first, subnet.size) == (int(theirs.network_address), theirs.num_addresses)
    assert addresses6.parse_address(str(ipaddress.IPv6Address(a))) == a
    assert subnet.holds(addresses6.format_address(b)) == (ipaddress.IPv6Address(b) in theirs)
    assert Subnet6.parse(str(theirs)) == subnet == Subnet6.parse(theirs.exploded)


@pytest.mark.parametrize("text", ["fd00::", "fd00::/129", "fd00::1/64", "10.0.0.0/24", "fd00:::/64", "fd00::%eth0/64"])
def test_malformed_ipv6_subnet_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("/")[0]):
        Subnet6.parse(text)
