from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cais.cli import projects
from cais.cli.projects import ValidTrees
from cais.compose.nodes import Node
from cais.compose.problems import Problems
from cais.compose.schema import DIGEST_BYTES, validate
from cais.compose.yamlreader import read


def tree(text: str) -> Node:
    return read(text, "compose.yaml", Problems())[0]


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]


def test_trees_found_valid_are_known_in_the_next_command(tmp_path: Path) -> None:
    texts = [f"services: {{a: {{image: i{number}}}}}" for number in range(3)]
    memo = ValidTrees(str(tmp_path / "schema-valid"))
    for text in texts:
        assert validate(tree(text), Problems(), memo) == ()

    class Following(ValidTrees):
        def remember(self, digest: bytes) -> None:
            raise AssertionError("it was not known")

    following = Following(str(tmp_path / "schema-valid"))
    for text in texts:
        assert validate(tree(text), Problems(), following) == ()
    with pytest.raises(AssertionError, match="it was not known"):
        validate(tree("services: {a: {image: new}}"), Problems(), following)


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "MEMO_ENTRIES", 2)
    memo = ValidTrees(str(tmp_path / "schema-valid"))
    for text in "abc":
        memo.remember(digest(text))
    assert [memo.is_valid(digest(text)) for text in "abc"] == [False, True, True]
