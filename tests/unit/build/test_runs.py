"""A step that is made must name what is otherwise than in the most similar earlier run."""

from __future__ import annotations

import msgspec
import pytest

from cais.build.cachekey import Components
from cais.build.runs import MOST_RUNS, Now, Run, StageBase, StepRecord, cause, remembered

BASE = StageBase(name="debian:trixie", identity="sha256:1")


def run_step(command: str, parent: str = "p", **environment: str) -> StepRecord:
    return StepRecord(
        text=f"RUN {command}",
        components=Components(parent=parent, what="RUN", details={"command": command}, environment=environment),
    )


def copy_step(files: dict[str, str], parent: str = "p", destination: str = "/") -> StepRecord:
    digest = str(sorted(files.items()))
    components = Components(parent=parent, what="COPY", details={"destination": destination}, inputs={"files": digest})
    return StepRecord(text="COPY", components=components, files=files)


def earlier(*steps: StepRecord, base: StageBase = BASE) -> Run:
    return Run(base=base, steps=steps)


A = run_step("a", V="1")
FILES = copy_step({"x": "1", "y": "1"})
CASES = [
    (A, 0, [], "", ""),
    (A, 0, [earlier()], "", "it is new"),
    (A, 0, [earlier(FILES)], "", "it is new"),
    (run_step("a", V="2"), 0, [earlier(A)], "", 'variable "V" changed from "1" to "2"'),
    (run_step("b", V="1"), 0, [earlier(A)], "", "its command changed"),
    (copy_step({"x": "2", "y": "1"}), 0, [earlier(FILES)], "", '"x" changed'),
    (copy_step({"x": "2", "z": "1"}), 0, [earlier(FILES)], "", '"x" changed; "y" is gone; "z" is new'),
    (copy_step(dict.fromkeys("abcde", "1")), 0, [earlier(copy_step({}))], "", '"a" is new; "b" is new; "c" is new and 2 more'),
    (A, 0, [earlier(A)], "", "its result is no longer there"),
    (A, 0, [earlier(msgspec.structs.replace(A, failed=True))], "", "it failed the last time"),
    (run_step("a", "q", V="1"), 1, [earlier(FILES, A)], "the step before it, at line 2, was made again", "the step before it, at line 2, was made again"),
    (run_step("a", "q", V="1"), 0, [earlier(A, base=StageBase(name="debian:trixie", identity="sha256:0"))], "", '"debian:trixie", which the stage begins with, changed'),
    (run_step("a", "q", V="1"), 0, [earlier(A, base=StageBase(name="debian:sid", identity="sha256:0"))], "", 'the stage begins with "debian:trixie", no longer with "debian:sid"'),
    # The same instruction one line further down is still the same instruction.
    (run_step("a", "q", V="1"), 1, [earlier(A)], "the step before it, at line 2, was made again", "the step before it, at line 2, was made again"),
    # Of two earlier runs the one that differs less.
    (run_step("a", V="3", W="1"), 0, [earlier(run_step("a", V="1")), earlier(run_step("a", V="3"))], "", 'variable "W" is new'),
]  # fmt: skip


@pytest.mark.parametrize(("step", "number", "runs", "made_before", "words"), CASES, ids=range(len(CASES)))
def test_cause(step: StepRecord, number: int, runs: list[Run], made_before: str, words: str) -> None:
    now = Now(number=number, texts=frozenset({step.text}), base=BASE, made_before=made_before)
    assert cause(step, now, runs) == words


def test_a_step_put_before_another_is_new_and_no_version_of_that() -> None:
    now = Now(number=0, texts=frozenset({"RUN b", "RUN a"}), base=BASE)
    assert cause(run_step("b"), now, [earlier(A)]) == "it is new"


def test_runs_are_remembered_once_and_not_without_end() -> None:
    runs: tuple[Run, ...] = ()
    for number in range(MOST_RUNS + 3):
        runs = remembered(runs, earlier(run_step(str(number))))
    assert len(runs) == MOST_RUNS
    assert remembered(runs, runs[2])[0] == runs[2]
    assert len(remembered(runs, runs[2])) == MOST_RUNS
