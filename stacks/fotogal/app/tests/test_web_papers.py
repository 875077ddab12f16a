"""What API.md promises is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from world import World

API = Path(__file__).parents[2] / "API.md"


def test_every_route_of_the_api_is_written_down(world: World) -> None:
    written = set(re.findall(r"^\| `([A-Z]+)` \| `(/api/[^`]*)` \|", API.read_text(encoding="utf-8"), re.MULTILINE))
    there = {
        (
            method,
            rule.rule.replace("<username>", "{username}").replace("<int(max=9223372036854775807):image_id>", "{id}"),
        )
        for rule in world.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    assert written == there
