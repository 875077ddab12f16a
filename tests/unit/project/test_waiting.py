"""A failed wait explains itself."""

from collections.abc import Callable

import pytest

from cais.compose.model.service import Condition
from cais.engine.protocol import ContainerSpec, Health, ProbeResult, ProbeSpec
from cais.errors import ServiceFailed
from cais.events import Event, Phase, ResourceEvent
from cais.project.actions import Await
from cais.project.waiting import SupervisedWaiter
from cais.supervise.goals import WaitEnd, WaitOutcome
from tests.fakes.engine import FakeEngine

PROBE = ProbeSpec(test=("CMD", "curl", "-f", "http://localhost/"))


class Recorder:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class ScriptedClient:
    """Answers waits with what the test gives; enough of `Client` for the waiter."""

    def __init__(self, outcomes: list[WaitOutcome]) -> None:
        self.outcomes = outcomes

    def wait(self, *_: object, **__: object) -> WaitOutcome:
        return self.outcomes.pop(0)


class ScriptedSupervisor:
    def __init__(self, *outcomes: WaitOutcome) -> None:
        self.scripted = ScriptedClient(list(outcomes))
        self.renewed = 0

    def existing(self) -> None:
        return None

    def client(self) -> ScriptedClient:
        return self.scripted

    def renew(self) -> ScriptedClient:
        self.renewed += 1
        return self.scripted


def wait(
    *outcomes: WaitOutcome, required: bool = True, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Recorder, ScriptedSupervisor]:
    engine = FakeEngine()
    container = engine.create(
        ContainerSpec(name="shop-db-1", image_id="sha256:1", image_reference="db", service="db", probe=PROBE)
    )
    engine.start(container.id)
    engine.write("shop-db-1", "cannot open port")
    recorder, supervisor = Recorder(), ScriptedSupervisor(*outcomes)
    waiter = SupervisedWaiter(engine, supervisor, recorder)  # type: ignore[arg-type]  # only `wait` of the client is called
    waiter.wait(
        Await(
            cause="api depends on it",
            service="db",
            names=("shop-db-1",),
            condition=Condition.HEALTHY,
            required=required,
        ),
        cancelled,
    )
    return recorder, supervisor


def outcome(end: WaitEnd, **fields: object) -> WaitOutcome:
    return WaitOutcome(end=end, container_id="x", **fields)  # type: ignore[arg-type]  # any field of WaitOutcome


def statuses(recorder: Recorder) -> list[tuple[str, str]]:
    return [(e.status, e.detail) for e in recorder.events if isinstance(e, ResourceEvent)]


def test_the_hold_is_named_and_then_health() -> None:
    recorder, _ = wait(outcome(WaitEnd.REACHED))
    assert statuses(recorder) == [("Waiting", "api depends on it: waits for it to be healthy"), ("Healthy", "")]


def test_unhealthy_shows_probe_exit_code_output_and_log() -> None:
    probe = ProbeResult(began=0, ended=1, exit_code=7, output="connection refused\n")
    with pytest.raises(ServiceFailed) as caught:
        wait(outcome(WaitEnd.UNHEALTHY, health=Health.UNHEALTHY, failing_streak=3, last_probe=probe))
    assert caught.value.message == 'service "db" is unhealthy: its health check failed 3 times in a row'
    assert caught.value.details == (
        "last health check: curl -f http://localhost/",
        "  exit code 7",
        "  connection refused",
        "last lines of shop-db-1:",
        "  cannot open port",
    )


@pytest.mark.parametrize(
    ("end", "fields", "message"),
    [
        (WaitEnd.EXITED, {"exit_code": 3}, 'service "db" exited with code 3 and is not healthy'),
        (WaitEnd.EXITED, {"exit_code": 137, "exit_reason": "out of memory"}, "exited with code 137 (out of memory)"),
        (WaitEnd.CRASHING, {"restarts": 9, "exit_code": 1}, "keeps crashing: 9 restarts, last exit code 1"),
        (WaitEnd.DEADLINE, {}, "is not healthy in the time that --wait-timeout gives"),
        (WaitEnd.REMOVED, {}, "was removed while it was waited for"),
    ],
)
def test_every_end_has_its_words(end: WaitEnd, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ServiceFailed, match=message.replace("(", r"\(").replace(")", r"\)")):
        wait(outcome(end, **fields))


def test_an_optional_dependency_is_a_warning() -> None:
    recorder, _ = wait(outcome(WaitEnd.EXITED, exit_code=1), required=False)
    last = recorder.events[-1]
    assert isinstance(last, ResourceEvent)
    assert last.phase is Phase.WARNING


def test_a_lost_supervisor_is_started_again_and_the_wait_goes_on() -> None:
    recorder, supervisor = wait(outcome(WaitEnd.LOST), outcome(WaitEnd.REACHED))
    assert supervisor.renewed == 1
    assert statuses(recorder)[-1] == ("Healthy", "")
