"""What is told of blobs on their way, as events with the row's name Docker uses: the first digits of the digest."""

from __future__ import annotations

import threading

from cais.digest import short_id
from cais.events import BytesEvent, EventSink, Phase, ResourceEvent
from cais.images.model import Descriptor
from cais.images.rows import SnapshotRow
from cais.images.storesource import OnPacked

_EVENT_BYTES = 1 << 20
KIND = "Layer"
PACKING = "Packing"


class Progress:
    """Tells of one blob's bytes, once a megabyte."""

    def __init__(self, descriptor: Descriptor, events: EventSink, *, kind: str = KIND) -> None:
        self._kind = kind
        self._name = short_id(descriptor.digest)
        self._total = descriptor.size
        self._events = events
        self._told = -_EVENT_BYTES
        self._lock = threading.Lock()

    def reached(self, done: int) -> None:
        """`done` bytes have passed. After a restart it may be fewer than before."""
        with self._lock:
            if 0 <= done - self._told < _EVENT_BYTES and done != self._total:
                return
            self._told = done
        self._events.emit(BytesEvent(kind=self._kind, name=self._name, done=done, total=self._total))

    def ended(self, how: str) -> None:
        """It is there."""
        self._events.emit(ResourceEvent(kind=self._kind, name=self._name, phase=Phase.DONE, status=how))


def packing(events: EventSink) -> OnPacked:
    """Tells of layers being packed for the way."""
    known: dict[str, Progress] = {}

    def told(layer: SnapshotRow, done: int) -> None:
        diff_id = layer.diff_id
        assert diff_id is not None
        whole = Descriptor(media_type="", digest=diff_id, size=layer.tar_bytes or 0)
        progress = known.setdefault(diff_id, Progress(whole, events, kind=PACKING))
        progress.reached(done)
        if done == whole.size:
            progress.ended("Packed")

    return told
