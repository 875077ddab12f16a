"""A key must follow everything that changes files, and nothing else."""

import msgspec
import pytest

from cais.build.cachekey import base_key, cache_key, differences
from cais.build.gitaddress import GitAddress
from cais.build.steps.model import BindMount, CacheMount, CopyStep, InlineFile, RunStep, SecretMount, WorkdirStep
from cais.errors import Span

HERE = Span("Dockerfile", 3)
RUN = RunStep(
    span=HERE, text="RUN x", argv=("sh", "-c", "x"), environment={"A": "1", "B": "2"}, user="", working_dir="/"
)
COPY = CopyStep(span=HERE, text="COPY a /", sources=("a",), destination="/")
PARENT = base_key("sha256:1", 0)

CHANGES = [
    (RUN, {"argv": ("sh", "-c", "y")}, "its command changed"),
    (RUN, {"environment": {"A": "1", "B": "3"}}, 'variable "B" changed from "2" to "3"'),
    (RUN, {"environment": {"A": "1"}}, 'variable "B" is gone'),
    (RUN, {"insecure": True}, "its insecure changed"),
    (COPY, {"link": True}, "its link changed"),
    (COPY, {"addresses": ("http://x/y",)}, "its addresses changed"),
    (COPY, {"repositories": (GitAddress(remote="git://x/y"),)}, "its repositories changed"),
    (COPY, {"unpack_fetched": True}, "its unpack fetched changed"),
    (RUN, {"user": "ana"}, "its user changed"),
    (RUN, {"working_dir": "/w"}, "its WORKDIR changed"),
    (RUN, {"network": "none"}, "its network changed"),
    (RUN, {"mounts": (CacheMount(target="/c", id="c"),)}, "its mounts changed"),
    (RUN, {"mounts": (SecretMount(id="s", target="/s"),)}, "its mounts changed"),
    (RUN, {"mounts": (BindMount(target="/b"),)}, "its mounts changed"),
    (RUN, {"script": InlineFile("/x", "y")}, "its script changed"),
    (COPY, {"sources": ("b",)}, "its sources changed"),
    (COPY, {"destination": "/b"}, "its destination changed"),
    (COPY, {"chown": "1"}, "its owner changed"),
    (COPY, {"chmod": "1"}, "its mode changed"),
    (COPY, {"exclude": ("x",)}, "its exclude changed"),
    (COPY, {"parents": True}, "its parents changed"),
    (COPY, {"unpack": True}, "its unpack changed"),
    (COPY, {"inline": (InlineFile("a", "b"),)}, "its here-documents changed"),
    (WorkdirStep(span=HERE, text="", path="/a", user=""), {"path": "/b"}, "its path changed"),
]


@pytest.mark.parametrize(("step", "change", "words"), CHANGES, ids=[case[2] for case in CHANGES])
def test_what_a_step_does_is_in_its_key(
    step: RunStep | CopyStep | WorkdirStep, change: dict[str, object], words: str
) -> None:
    before = cache_key(step, PARENT, {})
    after = cache_key(msgspec.structs.replace(step, **change), PARENT, {})
    assert after.digest != before.digest
    assert differences(before.components, after.components) == (words,)


def test_the_order_of_sources_of_several_kinds_is_in_the_key_and_only_then() -> None:
    address, repository = "http://x/y", GitAddress(remote="git://x/y")
    mixed = msgspec.structs.replace(COPY, addresses=(address,), repositories=(repository,))
    orders = (("a", address, repository), (address, "a", repository), ("a", repository, address))
    keys = [cache_key(msgspec.structs.replace(mixed, order=order), PARENT, {}) for order in orders]
    assert len({key.digest for key in keys}) == len(orders)
    assert differences(keys[0].components, keys[1].components) == ("its order changed",)
    assert cache_key(msgspec.structs.replace(COPY, order=("a",)), PARENT, {}) == cache_key(COPY, PARENT, {})


@pytest.mark.parametrize("step", [RUN, COPY], ids=["RUN", "COPY"])
def test_place_text_and_order_of_variables_are_not(step: RunStep | CopyStep) -> None:
    moved = msgspec.structs.replace(step, span=Span("Other", 99), text="written otherwise")
    if isinstance(moved, RunStep):
        moved = msgspec.structs.replace(moved, environment={"B": "2", "A": "1"})
    assert cache_key(moved, PARENT, {}) == cache_key(step, PARENT, {})


def test_parents_inputs_and_epoch_are() -> None:
    one = cache_key(COPY, PARENT, {"files": "1"})
    assert differences(one.components, cache_key(COPY, PARENT, {"files": "2"}).components) == ('"files" changed',)
    other = cache_key(COPY, "other", {"files": "1"})
    assert other.digest != one.digest
    assert differences(one.components, other.components) == ()
    assert differences(one.components, cache_key(RUN, PARENT, {}).components) == ("the instruction changed",)
    assert base_key("a", 0) != base_key("a", 1)
    assert base_key("a", 0) != base_key("b", 0)


def test_the_value_of_a_secret_or_a_long_variable_is_not_shown() -> None:
    for name, value in (("API_TOKEN", "x"), ("A", "x" * 41)):
        old, new = (
            cache_key(msgspec.structs.replace(RUN, environment={name: each}), PARENT, {}) for each in ("1", value)
        )
        assert differences(old.components, new.components) == (f'variable "{name}" changed',)


def test_keys_stay_the_same_between_releases() -> None:
    """A change here makes everybody's cache stale: let it be on purpose."""
    key = cache_key(WorkdirStep(span=HERE, text="", path="/a", user=""), "p", {})
    assert str(key) == "46bc040fc7c0ed3b210aaf5a951300a6a89f918cd1d1af9c47f5b0a3ce26be6d"
    copied = cache_key(msgspec.structs.replace(COPY, order=("a",)), "p", {"files": "1"})
    assert str(copied) == "b3df836e8aec995775e8f2bf02f4d969c19649ebcffc490da841aa8dfa74c80c"
