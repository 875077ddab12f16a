"""`config` pins images to what their registry has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import DebianRegistry
from tests.e2e.registry.images import digest_of, make_image

pytestmark = pytest.mark.root


def test_images_are_pinned_and_locked(cais: Cais, debian: DebianRegistry, tmp_path: Path) -> None:
    name = f"{debian.host}/app/web:1"
    make_image(cais, name)
    digest = digest_of(cais.ok("image", "push", name).stdout)
    compose = f"services: {{a: {{image: '{name}'}}, b: {{build: ., ports: ['80:80']}}}}\n"
    (tmp_path / "work/compose.yaml").write_text(compose)
    pinned = json.loads(cais.ok("config", "--format", "json", "--resolve-image-digests").stdout)
    assert pinned["services"]["a"]["image"] == f"{name}@{digest}"
    assert "image" not in pinned["services"]["b"]
    locked = json.loads(cais.ok("config", "--format", "json", "--lock-image-digests").stdout)
    assert locked == {"services": {"a": {"image": f"{name}@{digest}"}, "b": {}}}


def test_a_registry_that_does_not_have_it(cais: Cais, debian: DebianRegistry, tmp_path: Path) -> None:
    (tmp_path / "work/compose.yaml").write_text(f"services: {{a: {{image: '{debian.host}/no/such:1'}}}}\n")
    assert cais.run("config", "--resolve-image-digests").code == 18
