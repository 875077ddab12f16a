"""One obligation of the supervisor a test. Nothing sleeps: the clock is moved by hand."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from tests.fakes.clock import EPOCH
from tests.fakes.engine import FakeEngine
from tests.unit.supervise.scene import ALWAYS, CHECK, Scene, create, scene

from cais.engine.protocol import Health, PortSpec, RestartMode, RestartPolicy, State
from cais.errors import CaisError
from cais.supervise.clerk import Closeable, Published
from cais.supervise.events import ContainerRestarting, HealthChanged, SupervisorFault
from cais.supervise.goals import Goal, WaitEnd

Story = Callable[[Scene], Awaitable[None]]
Play = Callable[[Story], None]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def play(tmp_path: Path, engine: FakeEngine) -> Play:
    def run(story: Story) -> None:
        async def main() -> None:
            async with scene(tmp_path, engine) as made:
                await story(made)

        asyncio.run(main())

    return run


# --- restarts ----------------------------------------------------------------------------------------------------------


def test_the_first_crash_is_restarted_at_once(play: Play) -> None:
    async def story(s: Scene) -> None:
        await s.run("web", restart=ALWAYS)
        await s.pass_time(2)
        await s.exit("web", 137)
        assert (s.state("web").state, s.state("web").restart_count) == (State.RUNNING, 1)
        assert s.kinds() == ["started", "exited", "restarting", "started"]

    play(story)


def test_a_crash_loop_backs_off_as_docker_s(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("web").dies = [(1, 0)] * 6
        await s.run("web", restart=ALWAYS)
        assert s.state("web").state is State.RESTARTING
        await s.pass_time(4)
        delays = [event.delay_s for event in s.told() if isinstance(event, ContainerRestarting)]
        assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
        await s.pass_time(3)
        assert (s.state("web").state, s.state("web").restart_count) == (State.RUNNING, 6)

    play(story)


def test_on_failure_gives_up_after_its_retries(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("job").dies = [(3, 0)] * 9
        state = await s.run("job", restart=RestartPolicy(RestartMode.ON_FAILURE, 2))
        wait = await s.wait(state, Goal.COMPLETED)
        await s.pass_time(5)
        outcome = await wait
        assert (outcome.end, outcome.exit_code, outcome.restarts) == (WaitEnd.EXITED, 3, 2)
        assert not s.supervisor.is_needed

    play(story)


def test_deploy_s_delay_window_and_attempts(play: Play, engine: FakeEngine) -> None:
    """Two runs that last end the count; the wait is the same each time; the third failure in a row is the last."""

    async def story(s: Scene) -> None:
        engine.script("job").dies = [(1, 0.5), (1, 6.0), (1, 0.5), (1, 0.5), (1, 0.5)]
        policy = RestartPolicy(RestartMode.ON_FAILURE, 2, delay_s=3.0, window_s=5.0)
        state = await s.run("job", restart=policy)
        wait = await s.wait(state, Goal.COMPLETED)
        await s.pass_time(60)
        outcome = await wait
        assert (outcome.end, outcome.restarts) == (WaitEnd.EXITED, 2)
        told = [(event.delay_s, event.attempt) for event in s.told() if isinstance(event, ContainerRestarting)]
        assert told == [(3.0, 1), (3.0, 1), (3.0, 2)]

    play(story)


def test_a_user_s_stop_is_respected(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        state = await s.run("web", restart=ALWAYS)
        engine.stop(state.id)
        await s.quiet()
        await s.pass_time(1)
        assert s.state("web").state is State.EXITED

    play(story)


def test_a_user_s_stop_in_the_back_off_is_respected(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("web").dies = [(1, 0)]
        state = await s.run("web", restart=ALWAYS)
        engine.stop(state.id)
        await s.pass_time(1)
        assert s.state("web").pid == 0
        assert not s.supervisor.is_needed

    play(story)


def test_a_start_that_fails_is_told_and_tried_again(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        await s.run("web", restart=ALWAYS)
        await s.pass_time(2)
        engine.fail("start", "web", CaisError("no runtime"), times=2)
        await s.exit("web", 1)
        assert s.state("web").pid == 0
        await s.pass_time(1)
        assert s.state("web").state is State.RUNNING
        assert [e.message for e in s.told() if isinstance(e, SupervisorFault)] == ["no runtime"] * 2

    play(story)


def test_an_unforeseen_error_about_one_container_leaves_the_others_kept(
    play: Play, engine: FakeEngine, tmp_path: Path
) -> None:
    async def story(s: Scene) -> None:
        await s.run("bad", restart=ALWAYS)
        await s.run("good", restart=ALWAYS)
        await s.pass_time(2)
        engine.fail("settle", "bad", ZeroDivisionError("a bug"))
        await s.exit("bad", 1)
        await s.exit("good", 1)
        assert s.state("good").state is State.RUNNING
        await s.pass_time(2)
        assert s.state("bad").state is State.RUNNING
        assert "ZeroDivisionError" in (tmp_path / "log").read_text()

    play(story)


def test_a_removed_container_is_forgotten(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        state = await s.run("web", restart=ALWAYS)
        wait = await s.wait(state, Goal.COMPLETED)
        await asyncio.sleep(0)
        engine.remove(state.id, force=True)
        await s.supervisor.refresh()
        assert (await wait).end is WaitEnd.REMOVED
        assert not s.supervisor.is_needed
        assert s.kinds()[-1] == "removed"

    play(story)


# --- health ------------------------------------------------------------------------------------------------------------


def test_health_is_seen_soon_and_recorded(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("db").healthy_after_s = 0.4
        state = await s.run("db", probe=CHECK)
        wait = await s.wait(state, Goal.HEALTHY)
        await s.pass_time(0.3, 0.01)
        assert not wait.done()
        await s.pass_time(0.3, 0.01)
        assert (await wait).reached
        assert s.state("db").health is Health.HEALTHY
        assert engine.calls.count("probe db") < 15

    play(story)


def test_at_rest_probes_keep_their_interval_and_write_nothing(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        await s.run("db", probe=CHECK)
        await s.pass_time(1)
        engine.forget_calls()
        await s.pass_time(20)
        assert engine.calls == ["probe db"] * 4

    play(story)


def test_an_unhealthy_service_ends_the_wait_with_its_probe(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("db").probe = lambda _argv, _age: (7, "refused")
        state = await s.run("db", probe=CHECK, restart=ALWAYS)
        wait = await s.wait(state, Goal.HEALTHY)
        await s.pass_time(14.8)
        assert not wait.done()
        await s.pass_time(4)
        outcome = await wait
        assert (outcome.end, outcome.failing_streak) == (WaitEnd.UNHEALTHY, 3)
        assert outcome.last_probe is not None
        assert (outcome.last_probe.exit_code, outcome.last_probe.output) == (7, "refused")
        assert s.state("db").state is State.RUNNING

    play(story)


def test_restart_unhealthy_restarts(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        well = True
        engine.script("db").probe = lambda _argv, _age: (0 if well else 1, "")
        first = await s.run("db", probe=CHECK, restart_unhealthy=True)
        await s.pass_time(1)
        well = False
        await s.pass_time(16)
        well = True
        await s.pass_time(1)
        assert s.state("db").pid not in (0, first.pid)
        assert s.state("db").health is Health.HEALTHY
        changes = [event.health for event in s.told() if isinstance(event, HealthChanged)]
        assert changes == [Health.HEALTHY, Health.UNHEALTHY, Health.HEALTHY]

    play(story)


def test_a_probe_that_cannot_be_run_is_one_that_failed(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.fail("probe", "db", CaisError("no exec"), times=1)
        state = await s.run("db", probe=CHECK)
        wait = await s.wait(state, Goal.HEALTHY)
        await s.pass_time(1)
        assert (await wait).reached

    play(story)


# --- waits -------------------------------------------------------------------------------------------------------------


def test_waits_of_containers_without_a_check(play: Play) -> None:
    async def story(s: Scene) -> None:
        made = s.create("web")
        running, healthy = await s.wait(made, Goal.RUNNING), await s.wait(made, Goal.HEALTHY)
        await s.quiet()
        assert not running.done()
        s.engine.start(made.id)
        await s.supervisor.refresh([made.id])
        assert ((await running).end, (await healthy).end) == (WaitEnd.REACHED, WaitEnd.REACHED)

    play(story)


@pytest.mark.parametrize(("exit_code", "end"), [(0, WaitEnd.REACHED), (4, WaitEnd.EXITED)])
def test_completion(play: Play, exit_code: int, end: WaitEnd) -> None:
    async def story(s: Scene) -> None:
        state = await s.run("migrate")
        wait = await s.wait(state, Goal.COMPLETED)
        await s.quiet()
        await s.exit("migrate", exit_code)
        outcome = await wait
        assert (outcome.end, outcome.exit_code) == (end, exit_code)

    play(story)


def test_a_death_for_good_ends_a_healthy_wait_at_once(play: Play) -> None:
    async def story(s: Scene) -> None:
        s.engine.script("db").healthy_after_s = 99
        state = await s.run("db", probe=CHECK)
        wait = await s.wait(state, Goal.HEALTHY)
        await s.quiet()
        await s.exit("db", 1)
        assert (await wait).end is WaitEnd.EXITED

    play(story)


def test_a_crash_loop_ends_a_wait_that_sets_a_limit(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("db").healthy_after_s = 99
        engine.script("db").dies = [(1, 0.05)] * 20
        state = await s.run("db", probe=CHECK, restart=ALWAYS)
        wait = await s.wait(state, Goal.HEALTHY, max_restarts=3)
        await s.quiet()
        await s.pass_time(5)
        outcome = await wait
        assert (outcome.end, outcome.exit_code, outcome.restarts) == (WaitEnd.CRASHING, 1, 4)

    play(story)


def test_an_exit_before_the_refresh_is_not_missed(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        engine.script("web").dies = [(5, 0)]
        state = await s.run("web")
        assert (await (await s.wait(state, Goal.RUNNING))).end is WaitEnd.EXITED
        assert s.kinds() == ["started", "exited"]

    play(story)


# --- adoption ----------------------------------------------------------------------------------------------------------


def adopt(folder: Path, engine: FakeEngine, story: Story, *, booted_at: float = 0.0) -> None:
    async def main() -> None:
        async with scene(folder, engine, booted_at=booted_at) as made:
            await story(made)

    asyncio.run(main())


def test_a_new_supervisor_takes_up_what_the_old_one_left(tmp_path: Path, engine: FakeEngine) -> None:
    async def before(s: Scene) -> None:
        await s.run("web", restart=ALWAYS, probe=CHECK)
        await s.run("job")
        await s.pass_time(1)
        await s.exit("job", 3)

    async def after(s: Scene) -> None:
        assert s.state("web").restart_count == 1
        assert s.state("web").state is State.RUNNING
        assert s.state("job").exit_code == 3
        await s.pass_time(1)
        assert s.kinds() == ["exited", "restarting", "started", "health"]

    adopt(tmp_path, engine, before)
    engine.clock.advance(60)
    engine.exit("web", 137)
    adopt(tmp_path, engine, after)


def test_a_healthy_one_stays_healthy_and_keeps_its_interval(tmp_path: Path, engine: FakeEngine) -> None:
    async def before(s: Scene) -> None:
        await s.run("web", probe=CHECK)
        await s.pass_time(1)

    async def after(s: Scene) -> None:
        state = s.state("web")
        assert (await (await s.wait(state, Goal.HEALTHY))).reached
        assert s.kinds() == []
        await s.pass_time(6)
        assert engine.calls.count("probe web") >= 1

    adopt(tmp_path, engine, before)
    engine.forget_calls()
    adopt(tmp_path, engine, after)


def test_a_back_off_goes_on_after_the_supervisor_s_death(tmp_path: Path, engine: FakeEngine) -> None:
    async def before(s: Scene) -> None:
        engine.script("web").dies = [(1, 0)] * 3
        await s.run("web", restart=RestartPolicy(RestartMode.ON_FAILURE, 3))
        await s.pass_time(0.5)
        assert (s.state("web").state, s.state("web").restart_count) == (State.RESTARTING, 3)

    async def after(s: Scene) -> None:
        assert s.supervisor.is_needed
        await s.pass_time(1)
        assert (s.state("web").state, s.state("web").restart_count) == (State.RUNNING, 3)

    adopt(tmp_path, engine, before)
    adopt(tmp_path, engine, after)


def test_a_stopped_container_is_left_alone(tmp_path: Path, engine: FakeEngine) -> None:
    made = engine.start(create(engine, "web", restart=ALWAYS).id)
    engine.stop(made.id)

    async def after(s: Scene) -> None:
        await s.pass_time(1)
        assert s.state("web").state is State.EXITED
        assert not s.supervisor.is_needed

    adopt(tmp_path, engine, after)


def test_after_a_reboot_nothing_is_started_behind_the_user_s_back(tmp_path: Path, engine: FakeEngine) -> None:
    engine.start(create(engine, "web", restart=ALWAYS).id)
    engine.exit("web", 255)
    engine.clock.advance(60)

    async def after(s: Scene) -> None:
        await s.pass_time(1)
        assert s.state("web").state is State.EXITED

    adopt(tmp_path, engine, after, booted_at=EPOCH + 30)


def test_other_projects_are_not_touched(play: Play, engine: FakeEngine) -> None:
    async def story(s: Scene) -> None:
        other = s.create("web", restart=ALWAYS)
        engine.set("web", spec=msgspec.structs.replace(other.spec, project="other"))
        engine.script("web").dies = [(1, 0)]
        engine.start(other.id)
        await s.supervisor.refresh()
        await s.supervisor.refresh([other.id])
        await s.pass_time(1)
        assert s.state("web").state is State.EXITED

    play(story)


# --- history and the rest ----------------------------------------------------------------------------------------------


def test_events_are_kept(play: Play) -> None:
    async def story(s: Scene) -> None:
        await s.run("web", restart=ALWAYS)
        await s.pass_time(2)
        await s.exit("web", 1)
        kinds = [event.__struct_config__.tag for event in s.history.read()]
        assert kinds == ["started", "exited", "restarting", "started"]
        assert [type(e).__name__ for e in s.history.read(since=s.engine.clock.now() + 1)] == []

    play(story)


def test_ports_are_held_while_their_containers_are_there(tmp_path: Path, engine: FakeEngine) -> None:
    held: list[str] = []

    class Held:
        def __init__(self, name: str) -> None:
            self.name = name
            held.append(name)

        def close(self) -> None:
            held.remove(self.name)

    def hold(_published: Published) -> list[Held]:
        return [Held(state.name) for state in engine.containers() if state.ports]

    async def main() -> None:
        async with scene(tmp_path, engine, hold=hold) as s:
            state = await s.run("web", ports=(PortSpec(container_port=80, host_port=8080),))
            await s.run("quiet")
            assert held == ["web"]
            engine.remove(state.id, force=True)
            await s.supervisor.refresh([state.id])
            assert held == []
            await s.run("web", ports=(PortSpec(container_port=80),))
            assert held == ["web"]
        assert held == []

    asyncio.run(main())


def test_who_asks_while_ports_are_being_let_go_waits_for_it_too(tmp_path: Path, engine: FakeEngine) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def hold(published: Published) -> list[Closeable]:
        if not published:
            begun.set()
            may_end.wait(60)
        return []

    async def main() -> None:
        async with scene(tmp_path, engine, hold=hold) as s:
            state = await s.run("web", ports=(PortSpec(container_port=80, host_port=8080),))
            engine.remove(state.id, force=True)
            first = asyncio.create_task(s.supervisor.refresh([state.id]))
            await asyncio.to_thread(begun.wait, 60)
            second = asyncio.create_task(s.supervisor.refresh())
            assert await asyncio.wait((second,), timeout=0.2) == (set(), {second})
            may_end.set()
            await asyncio.gather(first, second)

    asyncio.run(main())


def test_upkeep_is_done_as_long_as_something_runs(tmp_path: Path, engine: FakeEngine) -> None:
    done: list[float] = []

    def upkeep() -> None:
        done.append(engine.clock.monotonic())
        raise CaisError("this time it fails")

    async def main() -> None:
        async with scene(tmp_path, engine, upkeep=upkeep) as s:
            await s.pass_time(20)
            assert done == []
            await s.run("web")
            await s.pass_time(11)
            assert len(done) == 3
            assert "this time it fails" in (tmp_path / "log").read_text()

    asyncio.run(main())
