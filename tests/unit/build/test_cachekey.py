"""A key must follow everything that changes files, and nothing else."""

import msgspec
import pytest

from cais.build.cachekey import base_key, cache_key, differences
from cais.build.steps.model import BindMount, CacheMount, CopyStep, InlineFile, RunStep, SecretMount, WorkdirStep
from cais.errors import Span

HERE = Span("Dockerfile", 3)
RUN = RunStep(
    span=HERE, text="RUN x", argv=("sh", "-c", "x"), environment={"A": "1", "B": "2"}, user="", working_dir="/"
)
COPY = CopyStep(span=HERE, text="COPY a /", sources=("a",), destination="/")
PARENT = base_key("sha256:1", 0)

CHANGES = [
    (RUN, {"argv": ("sh", "-c", "y")}, '"command" changed'),
    (RUN, {"environment": {"A": "1", "B": "3"}}, 'variable "B" changed'),
    (RUN, {"environment": {"A": "1"}}, 'variable "B" is gone'),
    (RUN, {"user": "ana"}, '"user" changed'),
    (RUN, {"working_dir": "/w"}, '"WORKDIR" changed'),
    (RUN, {"network": "none"}, '"network" changed'),
    (RUN, {"mounts": (CacheMount(target="/c", id="c"),)}, '"mounts" changed'),
    (RUN, {"mounts": (SecretMount(id="s", target="/s"),)}, '"mounts" changed'),
    (RUN, {"mounts": (BindMount(target="/b"),)}, '"mounts" changed'),
    (RUN, {"script": InlineFile("/x", "y")}, '"script" changed'),
    (COPY, {"sources": ("b",)}, '"sources" changed'),
    (COPY, {"destination": "/b"}, '"destination" changed'),
    (COPY, {"chown": "1"}, '"owner" changed'),
    (COPY, {"chmod": "1"}, '"mode" changed'),
    (COPY, {"exclude": ("x",)}, '"exclude" changed'),
    (COPY, {"parents": True}, '"parents" changed'),
    (COPY, {"unpack": True}, '"unpack" changed'),
    (COPY, {"inline": (InlineFile("a", "b"),)}, '"here-documents" changed'),
    (WorkdirStep(span=HERE, text="", path="/a", user=""), {"path": "/b"}, '"path" changed'),
]


@pytest.mark.parametrize(("step", "change", "words"), CHANGES, ids=[case[2] for case in CHANGES])
def test_what_a_step_does_is_in_its_key(
    step: RunStep | CopyStep | WorkdirStep, change: dict[str, object], words: str
) -> None:
    before = cache_key(step, PARENT, {})
    after = cache_key(msgspec.structs.replace(step, **change), PARENT, {})
    assert after.digest != before.digest
    assert differences(before.components, after.components) == (words,)


@pytest.mark.parametrize("step", [RUN, COPY], ids=["RUN", "COPY"])
def test_place_text_and_order_of_variables_are_not(step: RunStep | CopyStep) -> None:
    moved = msgspec.structs.replace(step, span=Span("Other", 99), text="written otherwise")
    if isinstance(moved, RunStep):
        moved = msgspec.structs.replace(moved, environment={"B": "2", "A": "1"})
    assert cache_key(moved, PARENT, {}) == cache_key(step, PARENT, {})


def test_parents_inputs_and_epoch_are() -> None:
    one = cache_key(COPY, PARENT, {"files": "1"})
    assert differences(one.components, cache_key(COPY, PARENT, {"files": "2"}).components) == ('"files" changed',)
    assert differences(one.components, cache_key(COPY, "other", {"files": "1"}).components) == (
        "a step before it changed",
    )
    assert differences(one.components, cache_key(RUN, PARENT, {}).components) == ("the instruction changed",)
    assert base_key("a", 0) != base_key("a", 1)
    assert base_key("a", 0) != base_key("b", 0)


def test_keys_stay_the_same_between_releases() -> None:
    """A change here makes everybody's cache stale: let it be on purpose."""
    key = cache_key(WorkdirStep(span=HERE, text="", path="/a", user=""), "p", {})
    assert str(key) == "46bc040fc7c0ed3b210aaf5a951300a6a89f918cd1d1af9c47f5b0a3ce26be6d"
