import threading
from collections.abc import Callable

import msgspec
import pytest

from cais.compose.model.hooks import Hook
from cais.compose.model.service import Dependency
from cais.engine.protocol import ContainerSpec, ContainerState, ExecSpec, State
from cais.errors import Conflict, HostError, ServiceFailed
from cais.events import Event, Phase, ResourceEvent
from cais.project import actions
from cais.project.execute import BUSY, PlanOutcome, Result, execute
from cais.project.observed import Observed, observe
from cais.project.plan import UpOptions, plan_up
from cais.project.teardown import DownOptions, plan_down, plan_stop
from tests.fakes.engine import FakeEngine
from tests.unit.project.projects import HEALTHY, image, images, project, service

SHOP = project(service("web", depends_on={"db": HEALTHY}), service("db"))


class Recorder:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class ScriptedWaiter:
    """Waits succeed unless their service is named in `failing`; a `block` is waited for first."""

    def __init__(self, failing: tuple[str, ...] = (), block: threading.Event | None = None) -> None:
        self.failing = failing
        self.block = block
        self.waited: list[str] = []
        self.told: list[str] = []

    def changed(self, container_id: str) -> None:
        self.told.append(container_id)

    def wait(self, action: actions.Await, cancelled: Callable[[], bool]) -> None:
        self.waited.append(action.service)
        if self.block is not None:
            self.block.wait()
        if action.service in self.failing:
            raise ServiceFailed(f'service "{action.service}" failed')


def up(engine: FakeEngine, waiter: ScriptedWaiter, recorder: Recorder | None = None) -> list[Result]:
    plan = plan_up(SHOP, images(SHOP), observe(engine, "shop"), UpOptions())
    outcome = execute(plan, engine, waiter, recorder or Recorder())
    return [outcome.results[index] for index in range(len(plan.actions))]


def test_up_then_nothing_left_to_do() -> None:
    engine = FakeEngine()
    assert set(up(engine, ScriptedWaiter())) == {Result.DONE}
    assert {c.name: c.state for c in engine.containers("shop")} == {
        "shop-db-1": State.RUNNING,
        "shop-web-1": State.RUNNING,
    }
    assert plan_up(SHOP, images(SHOP), observe(engine, "shop"), UpOptions()).changes_nothing


def test_a_dependent_of_a_failed_wait_is_created_but_never_started() -> None:
    engine, waiter = FakeEngine(), ScriptedWaiter(failing=("db",))
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions())
    outcome = execute(plan, engine, waiter, Recorder())
    assert [str(error) for error in outcome.errors] == ['service "db" failed']
    web = engine.container("shop-web-1")
    assert web is None or web.state is State.CREATED
    assert outcome.results[len(plan.actions) - 1] is Result.SKIPPED


def test_an_engine_failure_stops_the_rest() -> None:
    engine = FakeEngine()
    engine.fail("start", "shop-db-1", HostError("no more memory"))
    results = up(engine, ScriptedWaiter())
    assert Result.FAILED in results
    assert Result.SKIPPED in results


def test_progress_carries_the_cause() -> None:
    recorder = Recorder()
    up(FakeEngine(), ScriptedWaiter(), recorder)
    created = [
        e for e in recorder.events if isinstance(e, ResourceEvent) and e.status == "Created" and e.name == "shop-db-1"
    ]
    assert [(e.phase, e.detail) for e in created] == [(Phase.DONE, "it does not exist")]


def test_cancelling_ends_while_a_wait_is_blocked() -> None:
    block = threading.Event()
    waiter = ScriptedWaiter(block=block)
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions())
    try:
        outcome = execute(plan, FakeEngine(), waiter, Recorder(), cancelled=lambda: bool(waiter.waited))
    finally:
        block.set()
    assert Result.SKIPPED in outcome.results.values()


class HeldWaiter(ScriptedWaiter):
    """A wait ends when `until` holds (which is asked for every few milliseconds), or fails after a while."""

    def __init__(self, until: Callable[[], bool], failing: tuple[str, ...] = ()) -> None:
        super().__init__(failing)
        self.until = until

    def wait(self, action: actions.Await, cancelled: Callable[[], bool]) -> None:
        for _ in range(2_000):
            if self.until():
                return super().wait(action, cancelled)
            threading.Event().wait(0.005)
        raise AssertionError(f"waiting for {action.service} did not end")


def test_what_waits_is_made_ready_meanwhile() -> None:
    engine = FakeEngine()
    waiter = HeldWaiter(lambda: "shop-web-1" in engine.armed)
    assert set(up(engine, waiter)) == {Result.DONE}
    order = [call for call in engine.calls if call.endswith("shop-web-1") and call.split()[0] in ("arm", "start")]
    assert order == ["arm shop-web-1", "start shop-web-1"]
    assert engine.armed == set()
    assert not any(call.startswith("disarm") for call in engine.calls)


def test_what_was_made_ready_for_nothing_is_undone() -> None:
    engine = FakeEngine()
    waiter = HeldWaiter(lambda: "shop-web-1" in engine.armed, failing=("db",))
    assert Result.FAILED in up(engine, waiter)
    assert engine.armed == set()
    web = engine.container("shop-web-1")
    assert web is not None
    assert web.state is State.CREATED


def test_one_that_cannot_be_made_ready_starts_all_the_same() -> None:
    engine = FakeEngine()
    engine.fail("arm", "shop-web-1", HostError("no room"))
    waiter = HeldWaiter(lambda: "arm shop-web-1" in engine.calls)
    assert set(up(engine, waiter)) == {Result.DONE}


def test_what_waits_is_created_after_what_does_not() -> None:
    engine, created, let = FakeEngine(), [], threading.Event()
    create = engine.create

    def noted(spec: ContainerSpec) -> ContainerState:
        created.append(spec.name)
        if spec.name == "shop-db-1":
            let.wait(0.05)  # long enough for the other to begin, if it were let
            assert created == ["shop-db-1"]
        return create(spec)

    engine.create = noted  # type: ignore[method-assign]
    assert set(up(engine, ScriptedWaiter())) == {Result.DONE}
    assert created == ["shop-db-1", "shop-web-1"]


def test_down_undoes_up() -> None:
    engine = FakeEngine()
    up(engine, ScriptedWaiter())
    seen = observe(engine, "shop")
    plan = plan_down(seen, "shop", {c.id for c in seen.containers.values()}, DownOptions())
    execute(plan, engine, ScriptedWaiter(), Recorder()).check()
    assert engine.containers("shop") == ()
    assert engine.networks("shop") == ()


def test_what_another_command_made_meanwhile_is_taken_as_done() -> None:
    engine = FakeEngine()
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions())
    execute(plan, engine, ScriptedWaiter(), Recorder()).check()
    execute(plan, engine, ScriptedWaiter(), Recorder()).check()


def test_a_name_that_something_else_has_is_an_error() -> None:
    engine = FakeEngine()
    plan = plan_up(SHOP, images(SHOP), Observed(), UpOptions())
    execute(plan, engine, ScriptedWaiter(), Recorder()).check()
    forced = plan_up(SHOP, dict.fromkeys(SHOP.services, image("b")), Observed(), UpOptions())
    with pytest.raises(Conflict):
        execute(forced, engine, ScriptedWaiter(), Recorder()).check()


def test_few_containers_are_created_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    engine, busy, most = FakeEngine(), threading.Semaphore(0), []
    create, lock, now = engine.create, threading.Lock(), [0]

    def slow(spec: ContainerSpec) -> ContainerState:
        with lock:
            now[0] += 1
            most.append(now[0])
        busy.acquire(timeout=0.01)  # long enough for others to begin, if they were let
        state = create(spec)
        with lock:
            now[0] -= 1
        return state

    monkeypatch.setattr(engine, "create", slow)
    many = project(*(service(f"s{number}") for number in range(12)))
    plan = plan_up(many, images(many), observe(engine, "shop"), UpOptions(start=False))
    execute(plan, engine, ScriptedWaiter(), Recorder())
    assert len(engine.containers("shop")) == 12
    assert max(most) <= BUSY


HOOKED = project(
    service(
        "db",
        post_start=(Hook(command=("first",), user="5"), Hook(command=("second",))),
        pre_stop=(Hook(command=("bye",), environment={"A": "b", "C": None}),),
    ),
    service("web", depends_on={"db": Dependency()}),
)


def hooked(engine: FakeEngine, failing: str = "") -> tuple[list[str], PlanOutcome]:
    """Brings HOOKED up; the commands of its hooks that were run."""
    said: list[str] = []

    def run(spec: ExecSpec) -> int:
        said.append(spec.argv[0])
        return 3 if spec.argv[0] == failing else 0

    engine.script("shop-db-1").execute = run
    plan = plan_up(HOOKED, images(HOOKED), observe(engine, "shop"), UpOptions())
    return said, execute(plan, engine, ScriptedWaiter(), Recorder())


def test_hooks_run_in_order_when_the_container_was_started() -> None:
    engine = FakeEngine()
    said, outcome = hooked(engine)
    outcome.check()
    assert said == ["first", "second"]
    # It runs already: so have its hooks.
    again, outcome = hooked(engine)
    outcome.check()
    assert again == []


def test_after_a_failed_post_start_the_container_runs_and_its_dependents_do_not() -> None:
    engine = FakeEngine()
    said, outcome = hooked(engine, failing="first")
    assert said == ["first"]
    assert [error.message for error in outcome.errors] == ['post_start hook of "shop-db-1" ended with exit code 3']
    assert outcome.errors[0].details == ("its command: first", "  first said 3")
    states = {c.name: c.state for c in engine.containers("shop")}
    assert states.pop("shop-db-1") is State.RUNNING
    assert states in ({}, {"shop-web-1": State.CREATED})


@pytest.mark.parametrize("failing", ["", "bye"])
def test_pre_stop_comes_before_the_stop_or_instead_of_it(failing: str) -> None:
    engine = FakeEngine()
    said, outcome = hooked(engine, failing)
    outcome.check()
    said.clear()
    plan = plan_stop(engine.containers("shop"), timeout_s=None, cause="")
    outcome = execute(plan, engine, ScriptedWaiter(), Recorder())
    assert said == ["bye"]
    database = next(c for c in engine.containers("shop") if c.name == "shop-db-1")
    assert (database.state is State.RUNNING) == bool(failing)
    assert len(outcome.errors) == len(failing and [1])


def test_a_replaced_container_runs_the_hook_that_the_file_has_now() -> None:
    """One that does not work must not stand in the way of its correction."""
    engine = FakeEngine()
    said, outcome = hooked(engine, failing="bye")
    outcome.check()
    said.clear()
    corrected = msgspec.structs.replace(HOOKED.services["db"], pre_stop=(Hook(command=("better",)),), post_start=())
    wanted = project(corrected, HOOKED.services["web"])
    plan = plan_up(wanted, images(wanted), observe(engine, "shop"), UpOptions())
    execute(plan, engine, ScriptedWaiter(), Recorder()).check()
    assert said == ["better"]
