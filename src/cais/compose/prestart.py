"""What a `pre_start` step may say here: the rest of a container's attributes it has from its service."""

from __future__ import annotations

from cais.compose import reading
from cais.compose.nodes import MapNode
from cais.compose.problems import Problems

HONOURED = ("command", "image", "user", "privileged", "working_dir", "environment")


def check(name: str, service: MapNode, problems: Problems) -> None:
    """Refuse what would make the step another container than the file says."""
    for step in reading.items(service, "pre_start"):
        for key, value, span in reading.entries(step):
            if key == "per_replica":
                if reading.value(value) is True:
                    message = f'"pre_start.per_replica" of service "{name}" is not supported: a step is run once for a service'
                    problems.refuse(message, span, "leave it out; Docker Compose does not support it yet either")
            elif key not in HONOURED and not key.startswith("x-"):
                message = f'"pre_start.{key}" of service "{name}" is not supported: a step has it as the service has it'
                problems.refuse(message, span, f"of its own it may have {', '.join(HONOURED)}")
