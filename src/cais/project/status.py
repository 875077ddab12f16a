"""A container's state in Docker's words. Pure; time comes in."""

from __future__ import annotations

from collections.abc import Callable

from cais.engine.protocol import ContainerState, Health, PortSpec, State


def status_text(container: ContainerState, now: float, ago: Callable[[float], str]) -> str:
    """`Up 3 minutes (healthy)`, `Exited (137) 5 seconds ago: out of memory`, `Restarting (1) ...`, `Created`."""
    if container.state is State.RUNNING:
        health = {
            Health.NONE: "",
            Health.STARTING: " (health: starting)",
            Health.HEALTHY: " (healthy)",
            Health.UNHEALTHY: " (unhealthy)",
        }
        return f"Up {ago(now - container.started_at)}{health[container.health]}"
    if container.state is State.CREATED:
        return "Created"
    word = "Restarting" if container.state is State.RESTARTING else "Exited"
    reason = f": {container.exit_reason}" if container.exit_reason else ""
    return f"{word} ({container.exit_code}) {ago(now - container.finished_at)} ago{reason}"


def ports_text(ports: tuple[PortSpec, ...]) -> str:
    """`0.0.0.0:8080->80/tcp`, as `docker compose ps` shows published ports."""
    return ", ".join(f"{place_text(port)}->{port.container_port}/{port.protocol.value}" for port in ports)


def place_text(port: PortSpec) -> str:
    """Where a port is published: `0.0.0.0:8080`, `[::1]:8080`."""
    address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip or "0.0.0.0"
    return f"{address}:{port.host_port}"


def command_text(container: ContainerState, image_entrypoint: tuple[str, ...], image_command: tuple[str, ...]) -> str:
    """What PID 1 was asked to be, quoted and cut to 20 characters as Docker shows it."""
    spec = container.spec
    entrypoint = image_entrypoint if spec.entrypoint is None else spec.entrypoint
    command = spec.command
    if command is None:
        command = image_command if spec.entrypoint is None else ()
    words = " ".join((*entrypoint, *command))
    return '"' + (words if len(words) <= 20 else words[:19] + "…") + '"'
