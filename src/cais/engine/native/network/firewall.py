"""Keeps the root's nftables table in step with the rows: element by element, whole only when it is missing (after a reboot, or a `nft flush ruleset`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from cais import durable
from cais.engine.native.network import rules, rules6
from cais.engine.native.network.plan import Bridge
from cais.errors import HostError

Whole = tuple[tuple[Bridge, ...], tuple[rules.Forward, ...]]


class Packets(Protocol):
    """Runs nftables scripts; `cais.linux.nft.Nftables` is the real one."""

    def run(self, script: str) -> str:
        """One transaction; what went wrong, "" for nothing."""

    def list(self, what: str) -> str | None:
        """The text of a chain or table, None when it is not there."""


class Firewall:
    """The table of one root. `whole` tells, from the rows, all that belongs into it."""

    def __init__(self, key: str, lock: str, packets: Packets, whole: Callable[[], Whole]) -> None:
        self._table = rules.table_name(key)
        self._lock = lock
        self._packets = packets
        self._whole = whole

    def add_bridge(self, bridge: Bridge) -> None:
        """A network's rules; its row is written. Raises HostError."""
        self._add(rules.add_bridge(self._table, bridge))

    def remove_bridge(self, bridge: Bridge, *, last: bool) -> None:
        """Take a network's rules away; with the `last` one the table goes."""
        whole = rules.delete(self._table) + rules6.remove_bridge(self._table, bridge)
        self._remove(whole if last else rules.remove_bridge(self._table, bridge))

    def publish(self, forwards: Iterable[rules.Forward]) -> None:
        """Forward ports; their rows are written. Raises HostError."""
        if script := rules.publish(self._table, forwards):
            self._add(script)

    def unpublish(self, forwards: Iterable[rules.Forward]) -> None:
        """Stop forwarding ports."""
        if script := rules.unpublish(self._table, forwards):
            self._remove(script)

    def _add(self, script: str) -> None:
        # Asking first is ten times cheaper than a transaction that fails.
        if self._is_there() and not self._packets.run(script):
            return
        with durable.locked(
            self._lock
        ):  # one process makes the table, from the rows, so the others' elements are in it too
            if self._is_there() and not self._packets.run(script):
                return
            # Replacing takes what was there out of the kernel, which waits some 12 ms for those who still read it.
            fresh = self._packets.list(f"table ip {self._table}") is None
            make = rules.create if fresh else rules.replace
            if trouble := self._packets.run(make(self._table, *self._whole())):
                raise _refused(trouble)

    def _remove(self, script: str) -> None:
        if self._is_there() and (trouble := self._packets.run(script)) and self._is_there():
            raise _refused(trouble)

    def _is_there(self) -> bool:
        return self._packets.list(f"chain ip {self._table} {rules.SMALLEST_CHAIN}") is not None


def _refused(trouble: str) -> HostError:
    return HostError(
        "the kernel refused the network's rules",
        hint="networks need root and a kernel with nf_tables",
        details=trouble.splitlines()[:10],
    )
