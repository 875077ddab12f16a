from __future__ import annotations

from pathlib import Path

import pytest

from cais.cli.registries import parse, read_files
from cais.cli.registryfiles import find_files
from cais.compose.problems import Problems
from cais.errors import InvalidInput, NotFoundError
from cais.registry.settings import HostSettings


def test_a_file_says_how_hosts_are_reached(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    (tmp_path / "registries.yaml").write_text(
        "registries:\n"
        "  docker.io:\n    mirrors: [https://mirror.example/hub, localhost:5001]\n"
        "  registry.example:5000: {insecure: true, ca: ca.pem, chunk: 50m}\n"
        "  ghcr.io:\n"
    )
    assert read_files((str(tmp_path / "registries.yaml"),)) == {
        "docker.io": HostSettings(mirrors=("https://mirror.example/hub", "localhost:5001")),
        "registry.example:5000": HostSettings(insecure=True, ca=str(tmp_path / "ca.pem"), chunk_bytes=50 << 20),
        "ghcr.io": HostSettings(),
    }


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("registrys: {}", 1, 1, 'unknown setting "registrys"', 'did you mean "registries"?'),
        ("registries: [a]", 1, 13, "must be a mapping, not a list", None),
        ("registries:\n  http://a: {}", 2, 3, '"http://a" is not a host', "write host or host:port"),
        ("registries:\n  a:\n    insecur: true", 3, 5, 'unknown setting "insecur"', 'did you mean "insecure"?'),
        ("registries:\n  a:\n    insecure: yes please", 3, 15, "true or false is expected", None),
        ("registries:\n  a:\n    mirrors:\n      - ok\n      - ftp://x", 5, 9, "not the address of a mirror", "host"),
        ("registries:\n  a:\n    mirrors: [{}]", 3, 15, "text is expected here, not a mapping", None),
        ("registries:\n  a:\n    ca: none.pem", 3, 9, 'file "none.pem" does not exist', "PEM"),
        ("registries:\n  a:\n    chunk: some", 3, 12, "is not a size", "50m"),
        ("registries:\n  a: [", 3, 1, "not valid YAML", None),
    ],
)
def test_mistakes_have_their_place(text: str, line: int, column: int, message: str, hint: str | None) -> None:
    problems = Problems()
    parse(text, "/etc/cais/registries.yaml", problems)
    assert len(problems.errors) == 1
    problem = problems.errors[0]
    assert problem.span is not None
    assert (problem.span.file, problem.span.line, problem.span.column) == ("/etc/cais/registries.yaml", line, column)
    assert message in problem.message
    assert hint is None or hint in (problem.hint or "")


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("registries:\n  a: {insecure: 3}\n  b: 4\n")
    with pytest.raises(InvalidInput) as caught:
        read_files((str(tmp_path / "one"), str(tmp_path / "two")))
    assert len(caught.value.problems) == 4


def test_the_users_word_on_a_host_goes_before_the_machines(tmp_path: Path) -> None:
    (tmp_path / "machine").write_text("registries: {a: {insecure: true}, b: {insecure: true}}")
    (tmp_path / "user").write_text("registries: {a: {}}")
    hosts = read_files((str(tmp_path / "machine"), str(tmp_path / "user")))
    assert (hosts["a"].insecure, hosts["b"].insecure) == (False, True)


def test_which_files_count(tmp_path: Path) -> None:
    own = tmp_path / "cais" / "registries.yaml"
    own.parent.mkdir()
    own.write_text("")
    assert str(own) in find_files({"XDG_CONFIG_HOME": str(tmp_path)})
    assert find_files({"XDG_CONFIG_HOME": str(tmp_path), "CAIS_REGISTRIES": str(own)}) == (str(own),)
    with pytest.raises(NotFoundError, match="does not exist"):
        find_files({"CAIS_REGISTRIES": "/nowhere"})
