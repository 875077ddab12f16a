"""`cais config` and `docker compose config` over the corpus: the same JSON, except for what `compose.differences` lists.

Docker Compose is Debian's package, unpacked by scripts/docker-compose.sh; `config` needs no engine.
"""

from __future__ import annotations

import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from tests.conformance.compose.corpus import Case, cases
from tests.conformance.compose.sidebyside import Workplace, differences

from cais.compose.differences import DIFFERENCES, Difference

SCRIPT = Path(__file__).parents[3] / "scripts/docker-compose.sh"
INVALID = "invalid-"
CASES = {case.name: case for case in cases()}


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Where both programs run."""
    done = subprocess.run([str(SCRIPT), "path"], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"no Docker Compose can be had: {done.stderr.strip()}")
    return Workplace(tmp_path_factory.mktemp("work"), done.stdout.strip())


def accepted(case: Case) -> dict[str, Difference]:
    """The rows that speak of a case, by the patterns of what may differ in it."""
    return {pattern: row for row in DIFFERENCES if case.name in row.cases for pattern in row.at}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_config_is_the_same(case: Case, workplace: Workplace) -> None:
    ours, theirs = workplace.ask_both(case)
    rows = accepted(case)
    if not rows:
        assert bool(theirs.code) == case.name.startswith(INVALID), f"cases that are refused begin with {INVALID}"
    found = differences(case, ours, theirs)
    unexpected = {path: words for path, words in found.items() if not any(fnmatchcase(path, at) for at in rows)}
    assert unexpected == {}, case.why
    unused = [at for at in rows if not any(fnmatchcase(path, at) for path in found)]
    assert unused == [], "this no longer differs: take it out of compose/differences.py"


RELOADED = [case for case in CASES.values() if not case.flags and not accepted(case) and INVALID not in case.name]


@pytest.mark.parametrize("case", RELOADED, ids=[case.name for case in RELOADED])
def test_what_cais_shows_is_read_alike(case: Case, workplace: Workplace) -> None:
    """Docker Compose makes of Cais's YAML what it makes of its own; Cais makes the same of it once more."""
    words = [*case.args, "config"]
    ours, theirs = workplace.ask_cais(case, words), workplace.ask_docker(case, words)
    assert differences(case, workplace.reload(case, ours), workplace.reload(case, theirs)) == {}
    assert differences(case, workplace.reload_here(case, ours), workplace.ask_cais(case, case.words)) == {}


def test_the_corpus_is_large_and_says_why() -> None:
    assert len(CASES) >= 150
    assert [case.name for case in CASES.values() if not case.why or "\n" in case.why] == []


def test_every_difference_has_its_cases() -> None:
    assert sorted({name for row in DIFFERENCES for name in row.cases} - CASES.keys()) == []
