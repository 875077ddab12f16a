from __future__ import annotations

import pytest

from cais.compose.model.build import Build
from cais.compose.model.project import Project
from cais.errors import CaisError, PullError
from cais.events import Event, MessageEvent, ResourceEvent
from cais.project.transfers import PullOptions, Skipped, Transfer, plan_pull, plan_push, pull, push
from tests.unit.project.projects import project, service
from tests.unit.project.test_ensure import Source

BUILD = Build(context="/shop/web", tags=("web:2",))


class Sink:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def words(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, MessageEvent)]


class Pusher:
    def __init__(self) -> None:
        self.pushed: list[str] = []

    def push(self, reference: str) -> None:
        if reference.startswith("denied"):
            raise CaisError(f"{reference} is denied")
        self.pushed.append(reference)


def pulled(wanted: Project, *known: str, ages: dict[str, float] | None = None, **options: object) -> dict[str, str]:
    """What happens to each service: the image that is fetched, or why none is."""
    source = Source(*known)
    source.ages = ages or {}
    plan = plan_pull(wanted, tuple(wanted.services), source, PullOptions(**options))  # type: ignore[arg-type]
    return {each.service: each.reference if isinstance(each, Transfer) else f"-{each.why}" for each in plan}


@pytest.mark.parametrize(
    ("fields", "known", "options", "expected"),
    [
        ({"image": "nginx:1"}, ("nginx:1",), {}, "nginx:1"),
        ({"image": "", "build": BUILD}, (), {}, "-there is no image to be pulled"),
        ({"image": "app:1", "build": BUILD}, (), {}, "app:1"),
        ({"image": "app:1", "build": BUILD}, (), {"ignore_buildable": True}, "-the image can be built"),
        ({"image": "nginx:1", "pull_policy": "never"}, (), {}, "-pull_policy is never"),
        ({"image": "nginx:1", "pull_policy": "build"}, (), {}, "-pull_policy is build"),
        ({"image": "nginx:1", "pull_policy": "never"}, (), {"policy": "always"}, "nginx:1"),
        ({"image": "nginx:1", "pull_policy": "missing"}, ("nginx:1",), {}, "-the image is already here"),
        ({"image": "nginx:1", "pull_policy": "if_not_present"}, (), {}, "nginx:1"),
        ({"image": "nginx"}, ("nginx",), {"policy": "missing"}, "nginx"),
        ({"image": "nginx:1", "pull_policy": "daily"}, ("nginx:1",), {}, "nginx:1"),
    ],
)
def test_what_is_pulled(
    fields: dict[str, object], known: tuple[str, ...], options: dict[str, object], expected: str
) -> None:
    shop = project(service("web", depends_on=None, **fields))
    assert pulled(shop, *known, ages=None, **options)["web"] == expected


def test_an_image_is_pulled_once_and_not_before_its_time() -> None:
    shop = project(service("a", image="x:1"), service("b", image="x:1"), service("c", image="y:1", pull_policy="daily"))
    assert pulled(shop, "y:1", ages={"y:1": 60.0}) == {
        "a": "x:1",
        "b": "-the image is already being pulled by a",
        "c": "-the image was pulled not long ago",
    }


def test_all_are_tried_and_the_first_failure_is_raised() -> None:
    shop = project(service("a", image="nowhere:1"), service("b", image="x:1"))
    source, sink = Source(), Sink()
    with pytest.raises(PullError, match="nowhere:1"):
        pull(plan_pull(shop, ("a", "b"), source, PullOptions()), source, sink, PullOptions())
    assert sorted(source.resolved) == ["nowhere:1", "x:1"]
    options = PullOptions(ignore_failures=True)
    pull(plan_pull(shop, ("a", "b"), source, options), source, sink, options)
    assert any("nowhere" in words for words in sink.words)


def test_what_must_be_built_is_said() -> None:
    shop = project(service("web", image="nowhere:1", build=BUILD))
    source, sink = Source(), Sink()
    with pytest.raises(PullError):
        pull(plan_pull(shop, ("web",), source, PullOptions()), source, sink, PullOptions())
    assert "some images must be built from source: cais build web" in sink.words


def test_what_is_built_here_is_pushed_under_all_its_names() -> None:
    shop = project(
        service("web", image="web:1", build=BUILD), service("db", image="postgres"), service("x", image="", build=BUILD)
    )
    plan = plan_push(shop, tuple(shop.services))
    assert [each.reference for each in plan if isinstance(each, Transfer)] == ["web:1", "web:2"]
    assert [each.service for each in plan if isinstance(each, Skipped)] == ["db", "x"]
    pusher, sink = Pusher(), Sink()
    push(plan, pusher, sink)
    assert sorted(pusher.pushed) == ["web:1", "web:2"]
    skipped = [event for event in sink.events if isinstance(event, ResourceEvent)]
    assert [(event.name, event.status) for event in skipped] == [("db", "Skipped"), ("x", "Skipped")]


def test_a_failed_push_is_raised_or_told() -> None:
    shop = project(service("web", image="denied:1", build=BUILD))
    plan, pusher, sink = plan_push(shop, ("web",)), Pusher(), Sink()
    with pytest.raises(CaisError, match="denied:1"):
        push(plan, pusher, sink)
    push(plan, pusher, sink, ignore_failures=True)
    assert sink.words == ["denied:1 is denied"]
    assert pusher.pushed == ["web:2", "web:2"]
