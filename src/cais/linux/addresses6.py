"""IPv6 addresses and subnets as far as Cais needs them. Pure."""

from __future__ import annotations

import socket
from typing import ClassVar

from cais.linux.addresses import Subnet

ADDRESS_BITS = 128


def parse_address(text: str) -> int:
    """An IPv6 address (RFC 4291, section 2.2) as a number; raises ValueError."""
    return int.from_bytes(address_bytes(text), "big")


def format_address(number: int) -> str:
    """The shortest form (RFC 5952)."""
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))


def address_bytes(text: str) -> bytes:
    """The sixteen bytes in network order; raises ValueError."""
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except OSError as error:
        raise ValueError(f'"{text}" is not an IPv6 address') from error


def canonical(text: str) -> str:
    """The one form in which addresses are compared; raises ValueError."""
    return format_address(parse_address(text))


class Subnet6(Subnet, frozen=True, order=True):
    """A range of IPv6 addresses."""

    bits: ClassVar[int] = ADDRESS_BITS
    example: ClassVar[str] = "an IPv6 subnet such as fd12:3456:789a::/64"

    @staticmethod
    def number(address: str) -> int:
        """An address as a number; raises ValueError."""
        return parse_address(address)

    @staticmethod
    def text(number: int) -> str:
        """The shortest form."""
        return format_address(number)
