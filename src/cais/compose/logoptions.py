"""The options of a service's logging driver: what they mean here, and what nobody knows."""

from __future__ import annotations

from cais.compose import reading
from cais.compose.nodes import MapNode
from cais.compose.problems import Problems, nearest

FILE_DRIVERS = ("", "json-file", "local")
HONOURED = ("max-size", "max-file")
WITHOUT_EFFECT = {
    "compress": "files of logs are not compressed",
    "mode": "output is never dropped",
    "max-buffer-size": "output is never dropped",
    **dict.fromkeys(("labels", "labels-regex", "env", "env-regex", "tag"), "lines of logs carry no attributes"),
}


def check(name: str, service: MapNode, problems: Problems) -> None:
    """Tell options that have no effect, and those that the driver does not know (an error under Docker too)."""
    if reading.text(service, "logging", "driver") not in FILE_DRIVERS:
        return
    for option, _, span in reading.entries(service, "logging", "options"):
        if option in WITHOUT_EFFECT:
            problems.warn(
                f'logging option "{option}" of service "{name}" has no effect: {WITHOUT_EFFECT[option]}', span
            )
        elif option not in HONOURED and not option.startswith("x-"):
            known = [*HONOURED, *WITHOUT_EFFECT]
            hint = nearest(option, known) or f"known are: {', '.join(known)}"
            problems.refuse(f'logging option "{option}" of service "{name}" is not known', span, hint)
