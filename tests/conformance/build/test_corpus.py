"""The same Dockerfile built by Cais and by Docker's engine (or a newer BuildKit): the same files, the same config, the same end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.conformance.build import corpus, trees
from tests.conformance.build.accepted import ACCEPTED
from tests.conformance.build.builders import Builder, CaisBuilder, Outcome
from tests.conformance.build.server import Servers

pytestmark = [pytest.mark.root, pytest.mark.docker]


@pytest.mark.parametrize("name", corpus.names())
def test_case(
    name: str, cais_side: CaisBuilder, served: Servers, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    case = corpus.read(name)
    theirs: Builder = request.getfixturevalue(f"{os.environ.get('CAIS_COMPARE_WITH') or case.builder}_side")
    if (base := corpus.base_of(name)) is not None:
        _make_base(base, cais_side, theirs, tmp_path)
    outcomes, images = [], []
    for side, builder in (("cais", cais_side), ("theirs", theirs)):
        folder = tmp_path / side
        folder.mkdir()
        corpus.lay_out(name, case, folder)
        outcomes.append(builder.build(folder, (*case.flags, *_addresses(folder, served))))
        if outcomes[-1].code == 0:
            builder.save(tmp_path / f"{side}.tar")
            images.append(trees.read(tmp_path / f"{side}.tar"))
    found = dict(_compared(case, *outcomes))
    if len(images) == 2:
        found |= dict(trees.differences(*images))
    accepted = {what for entry in ACCEPTED if name in entry.cases for what in entry.differs}
    # An entry may serve several cases; each must show something of it.
    unexpected = [f"{what}: {text}" for what, text in found.items() if what not in accepted]
    assert not unexpected, "\n".join([case.why, *unexpected])
    assert not accepted or accepted & set(found), f"no longer differs: {sorted(accepted)}"


def test_every_accepted_difference_is_shown_by_a_case() -> None:
    known = set(corpus.names())
    assert [case for entry in ACCEPTED for case in entry.cases if case not in known] == []


def _addresses(folder: Path, served: Servers) -> Iterable[str]:
    """The servers' addresses as build arguments, where the Dockerfile asks for them."""
    text = (folder / "Dockerfile").read_text(errors="replace")
    for name, value in (("SERVER", served.web), ("GIT", served.git), ("COMMIT", served.commit)):
        if f"ARG {name}\n" in text:
            yield from ("--build-arg", f"{name}={value}")


def _make_base(text: str, cais_side: CaisBuilder, theirs: Builder, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "Dockerfile").write_text(text)
    made = cais_side.build(folder, (), corpus.BASE_NAME)
    assert made.code == 0, made.said
    cais_side.save(tmp_path / "base.tar", corpus.BASE_NAME)
    theirs.take(tmp_path / "base.tar", corpus.BASE_NAME)
    shutil.rmtree(folder)


def _compared(case: corpus.Case, ours: Outcome, theirs: Outcome) -> Iterable[tuple[str, str]]:
    """Whether both ended alike, and as the case says."""
    if (ours.code == 0) != (theirs.code == 0):
        yield (
            "outcome",
            f"Cais {ours.code}, the other {theirs.code}\n--- Cais\n{ours.said[-1500:]}\n--- the other\n{theirs.said[-1500:]}",
        )
    elif case.refused != (theirs.code != 0):
        yield (
            "case",
            f"both ended with {'success' if theirs.code == 0 else 'an error'}\n{ours.said[-800:]}\n{theirs.said[-800:]}",
        )
