"""Which images a prune takes. Pure: what is known of the images comes in as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cais.digest import Digest
from cais.errors import UsageError


class PruneFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`before`: only what came here before that time (seconds since the epoch). Labels that it must have, and must not: a value of None stands
    for any. What has one of the `without` is left alone."""

    before: float | None = None
    labels: tuple[tuple[str, str | None], ...] = ()
    without: tuple[tuple[str, str | None], ...] = ()

    def takes(self, created_at: float, labels: Mapping[str, str]) -> bool:
        """Whether it fits an image."""
        if self.before is not None and created_at >= self.before:
            return False
        return all(_has(labels, each) for each in self.labels) and not any(_has(labels, each) for each in self.without)


EVERYTHING = PruneFilter()


class Candidate(msgspec.Struct, frozen=True):
    """An image that may go: when it was last used (or came), and the layers it stands on, with the bytes that each takes on disk."""

    id: Digest
    used_at: float
    layers: Mapping[str, int]


def parse_filters(words: Sequence[str], until: Mapping[str, float]) -> PruneFilter:
    """`until=...`, `label=KEY[=VALUE]`, `label!=KEY[=VALUE]` as Docker has them; `until` gives the times that words stand for. Raises UsageError."""
    before: float | None = None
    labels: list[tuple[str, str | None]] = []
    without: list[tuple[str, str | None]] = []
    for word in words:
        key, _, value = word.partition("=")
        if key == "until" and value in until:
            before = until[value] if before is None else min(before, until[value])
        elif key in {"label", "label!"} and value:
            name, has_value, text = value.partition("=")
            (labels if key == "label" else without).append((name, text if has_value else None))
        else:
            raise UsageError(f'"{word}" is not a filter', hint="until=24h, label=KEY[=VALUE], label!=KEY[=VALUE]")
    return PruneFilter(before=before, labels=tuple(labels), without=tuple(without))


def evict(candidates: Sequence[Candidate], kept: Mapping[str, int], most_bytes: int) -> tuple[Digest, ...]:
    """The images to remove, those unused for longest first, until all layers together take no more than `most_bytes`.

    `kept` are the layers (with their bytes) that stay in any case. Layers that images share count once, and go with the last of them.
    """
    left = sorted(candidates, key=lambda each: (-each.used_at, each.id))
    removed: list[Digest] = []
    while left and _size(left, kept) > most_bytes:
        removed.append(left.pop().id)
    return tuple(removed)


def _size(candidates: Sequence[Candidate], kept: Mapping[str, int]) -> int:
    layers = dict(kept)
    for each in candidates:
        layers.update(each.layers)
    return sum(layers.values())


def _has(labels: Mapping[str, str], wanted: tuple[str, str | None]) -> bool:
    name, value = wanted
    return name in labels and (value is None or labels[name] == value)
