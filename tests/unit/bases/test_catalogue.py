from pathlib import Path

import pytest

from cais.bases import catalogue
from cais.bases.contract import CONTRACTS, Configures
from cais.bases.make import chain_revision


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("debian:trixie-slim", "debian-trixie-slim"),
        ("debian:13-slim", "debian-trixie-slim"),
        ("docker.io/library/debian:bookworm-slim", "debian-bookworm-slim"),
        ("index.docker.io/library/python:3.13-slim", "python-3.13-slim"),
        ("python:3.13-slim-trixie", "python-3.13-slim"),
        ("python:3.13", "python-3.13"),
        ("library/nginx:1.26", "nginx-1.26"),
        ("postgres:17", "postgres-17"),
        ("gcr.io/distroless/static-debian13", "distroless-static-debian13"),
        ("gcr.io/distroless/python3-debian13:nonroot", "distroless-python3-debian13-nonroot"),
        ("dhi.io/python:3.13-debian13", "hardened-python-3.13"),
    ],
)
def test_find(reference: str, name: str) -> None:
    found = catalogue.find(reference)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "reference",
    [
        "python",
        "python:3.12-slim",
        "python:3.13-alpine",
        "nginx:1.26-alpine",
        "nginx:latest",
        "registry.example/library/python:3.13-slim",
        "localhost:5000/python:3.13-slim",
        "dhi.io/python:3.13-debian13-dev",
        "someone/python:3.13-slim",
        "python:3.13-slim@sha256:" + "0" * 64,
    ],
)
def test_nothing_is_passed_off_as_something_else(reference: str) -> None:
    assert catalogue.find(reference) is None


def test_suggestions_name_what_the_archive_has() -> None:
    assert "python:3.13-slim" in catalogue.suggest("docker.io/library/python:3.12")
    assert "postgres:17" in catalogue.suggest("postgres:16")
    assert "gcr.io/distroless/python3-debian13:latest" in catalogue.suggest("gcr.io/distroless/python3-debian12")
    assert catalogue.suggest("someone/app:1") == ()


def test_error_says_what_to_do() -> None:
    error = catalogue.unavailable("python:3.12")
    assert '"python:3.12"' in error.message
    assert error.hint is not None
    assert "python:3.13-slim" in error.hint
    assert "cais image import FILE python:3.12" in error.hint
    assert "cais image import --help" in error.hint


def test_names_and_references_are_unique_and_parents_exist() -> None:
    recipes = catalogue.recipes()
    names = [recipe.name for recipe in recipes]
    references = [reference for recipe in recipes for reference in recipe.references]
    assert len(set(names)) == len(names)
    assert len(set(references)) == len(references)
    assert all(recipe.parent == "" or recipe.parent in names for recipe in recipes)
    assert {name for name, _ in CONTRACTS} <= set(names)


def test_revision_follows_the_parent() -> None:
    revisions = {recipe.name: chain_revision(recipe) for recipe in catalogue.recipes()}
    assert len(set(revisions.values())) == len(revisions)


@pytest.mark.parametrize("name", [name for name, _ in CONTRACTS])
def test_config_keeps_the_contract(name: str) -> None:
    config = catalogue.by_name(name).config
    checks = next(checks for recipe, checks in CONTRACTS if recipe == name)
    for check in checks:
        if isinstance(check, Configures):
            assert getattr(config, check.field) == check.value


def test_the_page_names_what_can_be_made() -> None:
    page = (Path(__file__).parents[3] / "docs/bases.md").read_text()
    for recipe in catalogue.recipes():
        name = recipe.references[0].removesuffix(":latest").removesuffix(":nonroot").rpartition("/")[2]
        assert name in page, recipe.references[0]
