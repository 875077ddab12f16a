import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.linux.addresses import Subnet, format_address, mac_for, parse_address

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
