"""Each value knows the place that set it, and what it took the place of."""

from __future__ import annotations

import pytest
from tests.unit.compose.conftest import Loader

from cais.compose import render
from cais.compose.origins import origins_of


def rows(loader: Loader, *texts: str, **options: object) -> list[str]:
    loaded = loader.loaded(*texts, **options)  # type: ignore[arg-type] # passed on as they come
    tree = render.to_tree(loaded.name, loaded.tree)
    return [str(row) for row in render.origins(tree, origins_of(loaded.tree, loaded.disabled))]


BASE = "services: {a: {image: one, command: [a, b], environment: {A: '1'}, ports: ['1:1'], cap_add: [X]}}"


@pytest.mark.parametrize(
    ("over", "row"),
    [
        ("image: two", "services.a.image: two  (compose.override.yaml:1:23, over one at compose.yaml:1:23)"),
        (
            "command: [c]",
            "services.a.command[0]: c  (compose.override.yaml:1:26, over ['a', 'b'] at compose.yaml:1:37)",
        ),
        (
            "environment: [A=2]",
            "services.a.environment.A: 2  (compose.override.yaml:1:30, over 1 at compose.yaml:1:62)",
        ),
        (
            "ports: !override ['2:2']",
            "services.a.ports[0].target: 2  (compose.override.yaml:1:34, over a list at compose.yaml:1:75)",
        ),
        ("cap_add: [Y]", "services.a.cap_add[1]: Y  (compose.override.yaml:1:26)"),
        ("user: u", "services.a.image: one  (compose.yaml:1:23)"),
    ],
)
def test_what_an_override_replaces(loader: Loader, over: str, row: str) -> None:
    assert row in rows(loader, BASE, f"services: {{a: {{{over}}}}}")


def test_a_value_that_was_replaced_twice(loader: Loader) -> None:
    found = rows(loader, BASE, "services: {a: {image: two}}", "services: {a: {image: three}}")
    assert (
        "services.a.image: three  (0.yaml:1:23, over two at compose.override.yaml:1:23, over one at compose.yaml:1:23)"
        in found
    )


def test_extended_services_and_env_files(loader: Loader) -> None:
    text = "services:\n  base: {image: one}\n  a:\n    extends: base\n    image: two\n    env_file: e\n    environment: {A: own}\n"
    found = rows(loader, text, files={"e": "A=file\nB=file\n"})
    assert "services.a.image: two  (compose.yaml:5:12, over one at compose.yaml:2:17)" in found
    assert "services.a.environment.A: own  (compose.yaml:7:22, over file at e:1:1)" in found
    assert "services.a.environment.B: file  (e:2:1)" in found
