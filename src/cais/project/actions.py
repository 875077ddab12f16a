"""The small operations a plan is made of. Each carries its cause and what must be done before; each prints as one line."""

from __future__ import annotations

import msgspec

from cais.compose.model.service import Condition
from cais.engine.details import HookSpec
from cais.engine.protocol import ContainerSpec, NetworkSpec, VolumeSpec


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """`after` are the indexes, in the plan, of the actions that must be done before. `cause` says why, in words."""

    cause: str
    after: tuple[int, ...] = ()

    def line(self) -> str:
        """What is done, without why."""
        raise NotImplementedError


class CreateNetwork(Action, frozen=True, kw_only=True):
    """Create a network, or make again what a reboot took."""

    spec: NetworkSpec

    def line(self) -> str:
        """What is done."""
        return f"create network {self.spec.name}"


class CreateVolume(Action, frozen=True, kw_only=True):
    """Create a named volume."""

    spec: VolumeSpec

    def line(self) -> str:
        """What is done."""
        return f"create volume {self.spec.name}"


class CreateContainer(Action, frozen=True, kw_only=True):
    """Create a container."""

    spec: ContainerSpec

    def line(self) -> str:
        """What is done."""
        return f"create container {self.spec.name}"


class StartContainer(Action, frozen=True, kw_only=True):
    """Start a container by name (its id may not exist yet when the plan is made)."""

    name: str

    def line(self) -> str:
        """What is done."""
        return f"start container {self.name}"


class StopContainer(Action, frozen=True, kw_only=True):
    """Stop a container; `timeout_s` None for its own grace period. `hooks` are run before, None for its own."""

    id: str
    name: str
    timeout_s: float | None = None
    hooks: tuple[HookSpec, ...] | None = None

    def line(self) -> str:
        """What is done."""
        return f"stop container {self.name}"


class RemoveContainer(Action, frozen=True, kw_only=True):
    """Remove a stopped container; with `volumes` its anonymous volumes too (its successor takes them over else). `id` "" goes by the name: it is not made yet.

    With `force` also one that another command has started meanwhile.
    """

    id: str
    name: str
    volumes: bool = False
    force: bool = False

    def line(self) -> str:
        """What is done."""
        return f"remove container {self.name}"


class RemoveNetwork(Action, frozen=True, kw_only=True):
    """Remove a network."""

    name: str

    def line(self) -> str:
        """What is done."""
        return f"remove network {self.name}"


class RemoveVolume(Action, frozen=True, kw_only=True):
    """Remove a named volume with its data."""

    name: str

    def line(self) -> str:
        """What is done."""
        return f"remove volume {self.name}"


class Await(Action, frozen=True, kw_only=True):
    """Wait until the containers `names` of `service` meet `condition`; with `required` False a failure is a warning.

    `what` is what they are, in words, when that is not the service itself.
    """

    service: str
    names: tuple[str, ...]
    condition: Condition
    required: bool = True
    what: str = ""

    def line(self) -> str:
        """What is waited for."""
        words = {
            Condition.STARTED: "is started",
            Condition.HEALTHY: "is healthy",
            Condition.COMPLETED: "has completed successfully",
        }
        return f"wait until {self.what or self.service} {words[self.condition]}"


class Plan(msgspec.Struct, frozen=True):
    """Actions in an order that respects their dependencies; printable, one line each with its cause."""

    actions: tuple[Action, ...] = ()

    def __str__(self) -> str:
        return "\n".join(f"{a.line()}: {a.cause}" if a.cause else a.line() for a in self.actions)

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to do but, at most, wait."""
        return all(isinstance(action, Await) for action in self.actions)
