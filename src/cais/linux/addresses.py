"""IPv4 addresses and subnets as far as Cais needs them. Pure; the standard `ipaddress` costs 6 ms to import."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec

ADDRESS_BITS = 32


def parse_address(text: str) -> int:
    """An IPv4 address in dotted form as a number; raises ValueError."""
    parts = text.split(".")
    if len(parts) != 4 or not all(_is_octet(part) for part in parts):
        raise ValueError(f'"{text}" is not an IPv4 address')
    return int.from_bytes(bytes(int(part) for part in parts), "big")


def format_address(number: int) -> str:
    """The dotted form."""
    return ".".join(str(octet) for octet in number.to_bytes(4, "big"))


def address_bytes(text: str) -> bytes:
    """The four bytes in network order."""
    return parse_address(text).to_bytes(4, "big")


def mac_for(address: str) -> str:
    """The hardware address that goes with an IPv4 address: who gets the address again is found under the same one, so no neighbour's cache goes stale.

    Locally administered (02); the next byte is that of Docker.
    """
    return "02:42:" + ":".join(f"{octet:02x}" for octet in address_bytes(address))


class Subnet(msgspec.Struct, frozen=True, order=True):
    """A range of addresses that share their first `prefix` bits; `first` is its lowest address as a number."""

    bits: ClassVar[int] = ADDRESS_BITS
    example: ClassVar[str] = "an IPv4 subnet such as 172.28.0.0/24"

    first: int
    prefix: int

    @staticmethod
    def number(address: str) -> int:
        """An address of this kind as a number; raises ValueError."""
        return parse_address(address)

    @staticmethod
    def text(number: int) -> str:
        """The usual form of an address of this kind."""
        return format_address(number)

    @classmethod
    def parse(cls, text: str) -> Self:
        """An address, a slash, the prefix, with no bits set after that; raises ValueError."""
        address, slash, length = text.partition("/")
        if not slash or not length.isdecimal() or int(length) > cls.bits:
            raise ValueError(f'"{text}" is not {cls.example}')
        subnet = cls.around(address, int(length))
        if subnet.first != cls.number(address):
            raise ValueError(f'"{text}" has bits set after its prefix; the subnet is {subnet}')
        return subnet

    @classmethod
    def around(cls, address: str, prefix: int) -> Self:
        """The subnet of that size that holds `address`."""
        size = 1 << (cls.bits - prefix)
        return cls(cls.number(address) // size * size, prefix)

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return 1 << (self.bits - self.prefix)

    @property
    def broadcast(self) -> str:
        """Its highest address."""
        return self.address(self.size - 1)

    def address(self, number: int) -> str:
        """Its address `number`, from 0."""
        return self.text(self.first + number)

    def holds(self, address: str) -> bool:
        """Whether `address` lies in it."""
        return self.first <= self.number(address) < self.first + self.size

    def overlaps(self, other: Subnet) -> bool:
        """Whether they share an address. Both are of one kind."""
        return self.first < other.first + other.size and other.first < self.first + self.size

    def __str__(self) -> str:
        return f"{self.text(self.first)}/{self.prefix}"


def _is_octet(text: str) -> bool:
    return (
        text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) < 256 and (text == "0" or text[0] != "0")
    )
