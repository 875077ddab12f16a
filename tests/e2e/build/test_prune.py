"""What the builder keeps can be listed and removed, by use and by size, and nothing that a running build needs goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.e2e.build.workshop import Workshop

from cais.build.belongings import everything
from cais.build.eviction import Choice, Kept, Kind
from cais.build.keeping import building
from cais.build.prune import Pruned, bound_of, prune
from cais.clock import SystemClock
from cais.engine.native.buildexec import NativeBuildExecutor
from cais.errors import BuildError, UsageError
from cais.events import MessageEvent

pytestmark = pytest.mark.root


def clear(shop: Workshop, choice: Choice | None = None, *, everything: bool = False) -> Pruned:
    shop.store.close()
    return prune(
        choice or Choice(),
        store=shop.store,
        executor=NativeBuildExecutor(shop.locations),
        locations=shop.locations,
        clock=SystemClock(),
        everything=everything,
    )


def kept(shop: Workshop) -> list[Kept]:
    return [each for each in everything(shop.store, shop.locations.build) if not each.is_shared]


def kinds(found: list[Kept]) -> list[str]:
    return sorted(each.kind.value for each in found)


def strays(shop: Workshop) -> list[str]:
    """What lies about in the builder's folders beside what is listed, and the layers."""
    listed = {each.path for each in everything(shop.store, shop.locations.build)}
    listed |= {path + ".lock" for path in listed}
    found = []
    for name in ("caches", "git", "git/trees", "contexts", "steps", "incoming"):
        folder = Path(shop.locations.build, name)
        found += [str(path) for path in folder.glob("*")] if folder.exists() else []
    working = Path(shop.locations.snapshots, ".working")
    recorded = {row.id for row in shop.store.records.rows.snapshots()}
    layers = [path.name for path in Path(shop.locations.snapshots).glob("[!.]*") if path.name not in recorded]
    run = [*Path(shop.locations.run).glob("secrets/*"), *Path(shop.locations.run).glob("build/*")]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if shop.locations.root in line]
    ignored = {str(Path(shop.locations.build, "caches/.new")), str(Path(shop.locations.build, "git/trees"))}
    return [*(set(found) - listed - ignored), *map(str, working.glob("*")), *layers, *map(str, run), *mounts]


TEXT = "FROM busybox:1\nRUN --mount=type=cache,target=/c,id=pip echo 1 > /c/x; echo 1 > /one\nRUN echo 2 > /two\n"


def test_layers_of_images_stay_and_the_rest_goes(shop: Workshop) -> None:
    image = shop.build(TEXT, tags=("test/kept:1",))
    assert kinds(kept(shop)) == ["cache-mount"]
    assert kept(shop)[0].words == "pip"
    shop.build(TEXT + "RUN echo 3 > /three\n")
    assert shop.store.find("test/kept:1") is not None
    shop.store.prune()  # the untagged image
    assert kinds(kept(shop)) == ["cache-mount", "layer"]
    (layer,) = [each for each in kept(shop) if each.kind is Kind.LAYER]
    assert layer.words == "test: RUN echo 3 > /three"
    assert kinds(list(clear(shop).removed)) == ["cache-mount", "layer"]
    assert kept(shop) == []
    assert not os.path.exists(layer.path)
    assert shop.read(image, "two") == "2\n"
    assert strays(shop) == []


def test_the_longest_unused_goes_first(shop: Workshop) -> None:
    for number in range(3):
        shop.build(f"FROM busybox:1\nRUN head -c 300000 /dev/zero > /f; echo > /{number}\n")
    shop.store.prune()
    assert len(kept(shop)) == 3
    shop.database.connection().execute(
        "UPDATE build_cache SET used_at = created_at - 1000000, created_at = created_at - 1000000"
    )
    shop.build("FROM busybox:1\nRUN head -c 300000 /dev/zero > /f; echo > /0\n")
    assert shop.made() == []
    shop.store.prune()
    pruned = clear(shop, Choice(most_bytes=500_000))
    assert sorted(each.words[-1] for each in pruned.removed) == ["1", "2"]


def test_a_build_that_runs_keeps_all(shop: Workshop) -> None:
    shop.build(TEXT)
    with building(shop.locations.build):
        assert clear(shop).held_by_build
    assert kinds(kept(shop)) == ["cache-mount"]


def test_a_bound_is_kept_after_a_build(shop: Workshop) -> None:
    shop.build(
        TEXT.replace("echo 1 > /c/x", "head -c 900000 /dev/zero > /c/x"), environment={"CAIS_BUILD_CACHE": "100k"}
    )
    assert [event.text for event in shop.events if isinstance(event, MessageEvent)][-1].startswith(
        "the build cache was over its bound"
    )
    assert kept(shop) == []
    assert bound_of("2g", "/") == 2 << 30
    assert bound_of(None, "/") >= 10 << 30
    with pytest.raises(UsageError, match="CAIS_BUILD_CACHE"):
        bound_of("much", "/")


def test_what_a_failed_step_left_is_listed_and_replaced(shop: Workshop) -> None:
    for number in (1, 2):
        with pytest.raises(BuildError):
            shop.build(f"FROM busybox:1\nRUN echo {number} > /left; false\n")
        shop.store.close()
        shop.store.prune()
        (left,) = kept(shop)
        assert left.words == f"test: RUN echo {number} > /left; false (failed)"
        assert Path(left.path, "left").read_text() == f"{number}\n"


def test_forgetting_everything_makes_everything_again(shop: Workshop) -> None:
    shop.build(TEXT)
    clear(shop, everything=True)
    assert not os.path.exists(os.path.join(shop.locations.build, "digests"))
    assert strays(shop) == []


def test_a_stage_that_only_gave_files_is_not_missed(shop: Workshop) -> None:
    text = "FROM busybox:1 AS made\nRUN echo 1 > /f\nFROM busybox:1\nCOPY --from=made /f /f\n"
    shop.build(text, tags=("test/kept:1",))
    assert [each.words for each in clear(shop).removed] == ["test: RUN echo 1 > /f"]
    shop.build(text)
    assert shop.made() == []


CHAOS = """FROM busybox:1 AS one
RUN --mount=type=cache,target=/c echo {salt} > /c/x; head -c 2000000 /dev/zero > /big; sleep 0.05
FROM busybox:1
COPY . /in/
RUN --mount=type=secret,id=s --mount=source=.,target=/b cat /run/secrets/s; sleep 0.05
COPY --from=one /big /big
ADD archive.tar /out/
"""


def test_kill_at_any_moment_leaves_nothing_that_prune_does_not_find(shop: Workshop) -> None:
    shop.write({f"f{number}": "x" * 1000 for number in range(100)})
    subprocess.run(["tar", "cf", str(shop.context / "archive.tar"), "-C", "/etc", "passwd"], check=True)
    shop.store.close()
    environment = {**os.environ, "CAIS_ROOT": shop.locations.root}
    for number in range(12):
        (shop.context / "Dockerfile").write_text(CHAOS.format(salt=number))
        words = ["image", "build", "--no-host-ca", "-q", "--secret", "id=s,src=f1", str(shop.context)]
        process = subprocess.Popen(
            [sys.executable, "-m", "cais", *words],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.25 + 0.06 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 10
    while clear(shop, everything=True).held_by_build and time.monotonic() < deadline:
        time.sleep(0.05)  # what the killed ones started is dying
    shop.store.prune(unused=False, cache=True)
    assert strays(shop) == []
    assert kept(shop) == []
