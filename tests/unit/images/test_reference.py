from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.errors import UsageError
from cais.images.reference import parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.26", "docker.io/library/nginx:1.26", "nginx:1.26"),
        ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("grafana/loki:3", "docker.io/grafana/loki:3", "grafana/loki:3"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1"),
        ("localhost/web", "localhost/web:latest", "localhost/web:latest"),
        ("localhost:5000/web", "localhost:5000/web:latest", "localhost:5000/web:latest"),
        ("UPPER/web", "UPPER/web:latest", "UPPER/web:latest"),
        ("[::1]:5000/web:1", "[::1]:5000/web:1", "[::1]:5000/web:1"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx:1@{DIGEST}", f"nginx:1@{DIGEST}"),
        ("ghcr.io/a_b__c-d--e.f/x", "ghcr.io/a_b__c-d--e.f/x:latest", "ghcr.io/a_b__c-d--e.f/x:latest"),
    ],
)
def test_normalisation(text: str, full: str, familiar: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.familiar) == (full, familiar)
    assert parse_reference(familiar) == reference == parse_reference(full)


def test_a_digest_decides_the_key() -> None:
    assert parse_reference(f"nginx:1@{DIGEST}").key == parse_reference(f"nginx@{DIGEST}").key
    assert parse_reference("nginx").key == "docker.io/library/nginx:latest"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no name"),
        (":tag", "has no name"),
        ("nginx:", 'tag ""'),
        ("nginx:-x", 'tag "-x"'),
        ("nginx:" + "x" * 129, "tag"),
        ("Nginx", "lower case"),
        ("a//b", 'part ""'),
        ("a/", 'part ""'),
        ("-a", 'part "-a"'),
        ("a..b", 'part "a..b"'),
        ("a/../b", 'part ".."'),
        ("nginx@sha256:abc", "digest"),
        ("nginx@", "digest"),
        ("a" * 64, "image id"),
        ("b/" * 130 + "b", "longer than"),
        ("ho_st.x/a", "registry"),
        ("http://x/a", "registry"),
        ("a b", "part"),
    ],
)
def test_refused_with_the_part_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match="is not an image reference") as caught:
        parse_reference(text)
    assert message in caught.value.message
    assert caught.value.hint


@given(st.text(alphabet="ab1.:/@_-[]A", max_size=30))
def test_what_parses_prints_to_the_same(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    assert parse_reference(str(reference)) == reference
    assert parse_reference(reference.familiar) == reference
