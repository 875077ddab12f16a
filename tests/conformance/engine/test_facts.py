"""A container of Cais looks from inside like one of Docker's, attribute by attribute."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from bench.docker import DockerTool
from tests.conformance.engine.accepted import ACCEPTED
from tests.conformance.engine.cases import CASES, compose_file
from tests.conformance.engine.sides import Side, furnish, host_namespaces, parse, scrub
from tests.e2e.harness import until

pytestmark = [pytest.mark.root, pytest.mark.docker]

BySide = dict[str, dict[str, dict[str, tuple[str, ...]]]]  # side -> case -> facts
Difference = tuple[str, str, tuple[str, ...], tuple[str, ...]]  # case, fact, of Cais, of Docker


def states(side: Side) -> list[str]:
    return [json.loads(line)["State"] for line in side.run("ps", "-a", "--format", "json").stdout.splitlines()]


def gather(side: Side, namespaces: dict[str, str]) -> dict[str, dict[str, tuple[str, ...]]]:
    furnish(side.folder, compose_file())
    up = side.run("up", "-d", "--quiet-pull")
    assert up.code == 0, up
    until(lambda: set(states(side)) == {"exited"}, timeout_s=60)
    found = {}
    for case in CASES:
        said = side.run("logs", "--no-log-prefix", "--no-color", case.name)
        facts = parse(said.stdout)
        assert facts.pop("done", None) == ("yes",), (side.name, case.name, said)
        found[case.name] = scrub(facts, namespaces)
    # Under Docker it has the owner that the host's has at that moment.
    del found["privileged"]["dev /dev/null"]
    return found


@pytest.fixture(scope="module")
def facts(sides: tuple[Side, Side], docker: DockerTool) -> BySide:
    networks = ("", docker.network)
    with ThreadPoolExecutor(2) as pool:
        gathered = pool.map(lambda pair: gather(pair[0], host_namespaces(pair[1])), zip(sides, networks, strict=True))
    return dict(zip(("cais", "docker"), gathered, strict=True))


def differences(facts: BySide) -> list[Difference]:
    found = []
    for case in CASES:
        ours, theirs = facts["cais"][case.name], facts["docker"][case.name]
        for fact in sorted(ours.keys() | theirs.keys()):
            if ours.get(fact, ()) != theirs.get(fact, ()):
                found.append((case.name, fact, ours.get(fact, ()), theirs.get(fact, ())))
    return found


@pytest.mark.parametrize("case", [case.name for case in CASES])
def test_a_container_sees_what_it_sees_under_docker(case: str, facts: BySide) -> None:
    unexpected = [
        f"{fact}:\n    cais   {ours}\n    docker {theirs}"
        for name, fact, ours, theirs in differences(facts)
        if name == case and not any(one.covers(name, fact) for one in ACCEPTED)
    ]
    assert not unexpected, "\n" + "\n".join(unexpected)


def test_every_accepted_difference_still_shows(facts: BySide) -> None:
    found = differences(facts)
    gone = [one for one in ACCEPTED if not any(one.covers(case, fact) for case, fact, _, _ in found)]
    assert not gone
