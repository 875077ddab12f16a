"""An error of the engine is shown at the line that asked for what could not be done."""

from __future__ import annotations

import pytest

from cais.engine.protocol import ContainerSpec
from cais.errors import CaisError, PortInUse
from cais.project.actions import Action, CreateContainer, StartContainer
from cais.project.places import place_of
from tests.unit.compose.conftest import Loader

TEXT = """services:
  web:
    image: i
    ports:
      - "9000-9002:80-82"
      - target: 443
        published: 8443
      - "53"
"""
SPEC = ContainerSpec(name="p-web-1", image_id="i", image_reference="i", project="p", service="web")
CREATE = CreateContainer(spec=SPEC, cause="")


@pytest.mark.parametrize(
    ("action", "error", "line"),
    [
        (CREATE, PortInUse("taken", port=9001), 5),
        (CREATE, PortInUse("taken", port=8443), 6),
        (CREATE, PortInUse("taken", port=7), 4),
        (CREATE, CaisError("something else"), 2),
        (StartContainer(name="p-web-1", cause=""), CaisError("x"), None),
        (
            CreateContainer(spec=ContainerSpec(name="n", image_id="i", image_reference="i"), cause=""),
            CaisError("x"),
            None,
        ),
    ],
)
def test_the_line(action: Action, error: CaisError, line: int | None) -> None:
    place = place_of(Loader().project(TEXT), action, error)
    assert (place.line if place else None) == line
