"""Progress as typed events. Producers emit them, `cli.view` renders them, tests compare them."""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec


class Phase(enum.Enum):
    """How far a piece of work is."""

    WORKING = "working"
    DONE = "done"
    WARNING = "warning"
    ERROR = "error"


class ResourceEvent(msgspec.Struct, frozen=True, kw_only=True, tag="resource"):
    """A container, network, volume or image changed state: `Container visitors-db-1  Started`.

    `kind` and `name` identify the row; `status` is the word Docker Compose uses (Creating, Created, Starting, Started, Waiting,
    Healthy, Exited, Stopping, Stopped, Removing, Removed, Recreate, Recreated, Running, Error, ...); `detail` is a cause or a hold in words.
    """

    kind: str
    name: str
    phase: Phase
    status: str
    detail: str = ""


class StepEvent(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """A build step began, ended or was found in the cache. `step` numbers it within its build, from 1; `place` is FILE:LINE of its
    instruction; `detail` says why it is made, or what failed."""

    build: str
    step: int
    name: str
    phase: Phase
    place: str = ""
    cached: bool = False
    elapsed_s: float = 0.0
    detail: str = ""


class OutputEvent(msgspec.Struct, frozen=True, kw_only=True, tag="output"):
    """A piece of output of a build step or of a base bootstrap, as it comes (not cut into lines)."""

    build: str
    step: int
    text: str


class BytesEvent(msgspec.Struct, frozen=True, kw_only=True, tag="bytes"):
    """Progress of a transfer or an unpacking, in bytes. `total` is None while unknown."""

    kind: str
    name: str
    done: int
    total: int | None = None


class MessageEvent(msgspec.Struct, frozen=True, kw_only=True, tag="message"):
    """A sentence for the user: a warning or a remark."""

    phase: Phase
    text: str


Event = ResourceEvent | StepEvent | OutputEvent | BytesEvent | MessageEvent


class EventSink(Protocol):
    """Takes events from any thread; must not block for long and must not raise."""

    def emit(self, event: Event) -> None:
        """Take one event."""


class NullSink:
    """Drops events: for callers that have nobody to tell."""

    def emit(self, event: Event) -> None:
        """Drop `event`."""
