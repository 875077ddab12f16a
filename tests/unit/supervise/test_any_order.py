"""Whatever users, crashes and time do, in any order: the supervisor ends up with what the policies ask for."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.engine import FakeEngine
from tests.unit.supervise.scene import CHECK, Scene, scene

from cais.engine.protocol import RestartMode, RestartPolicy, State
from cais.errors import CaisError
from cais.supervise.kept import Phase

NAMES = ("a", "b")
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "start",
                "start untold",
                "stop",
                "crash",
                "end",
                "remove",
                "time",
                "refresh",
                "start fails",
                "settle fails",
                "sick",
            ]
        ),
        st.sampled_from(NAMES),
        st.sampled_from([0.05, 1.0, 12.0]),
    ),
    max_size=14,
)
POLICIES = st.sampled_from(
    [RestartPolicy(), RestartPolicy(RestartMode.ALWAYS), RestartPolicy(RestartMode.ON_FAILURE, 2)]
)


async def perform(s: Scene, operation: str, name: str, seconds: float, policy: RestartPolicy) -> None:
    engine = s.engine
    state = engine.container(name)
    if operation == "time":
        await s.pass_time(seconds, 0.25 if seconds > 1 else 0.05)
    elif operation == "refresh":
        await s.supervisor.refresh()
    elif operation.startswith("start ") and operation.endswith("fails"):
        engine.fail("start", name, CaisError("x"))
    elif operation == "settle fails":
        engine.fail("settle", name, CaisError("x"))
    elif operation == "sick":
        engine.script(name).healthy_after_s = 0.0 if engine.script(name).healthy_after_s else 1e9
    elif operation in ("start", "start untold"):
        if state is None:
            state = s.create(name, restart=policy, probe=CHECK if name == "a" else None, restart_unhealthy=True)
        try:
            engine.start(state.id)
        except CaisError:
            return
        if operation == "start":
            await s.supervisor.refresh([state.id])
    elif state is not None and operation == "stop":
        engine.stop(state.id)
        await s.supervisor.refresh([state.id])
    elif state is not None and operation == "remove":
        engine.remove(state.id, force=True)
        await s.supervisor.refresh([state.id])
    elif state is not None and operation in ("crash", "end") and state.pid:
        engine.exit(name, 1 if operation == "crash" else 0)
        await asyncio.sleep(0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS, POLICIES, st.booleans())
def test_policies_hold_in_the_end(
    tmp_path_factory: pytest.TempPathFactory,
    operations: list[tuple[str, str, float]],
    policy: RestartPolicy,
    killed: bool,
) -> None:
    engine = FakeEngine()
    folder: Path = tmp_path_factory.mktemp("any")

    async def live(part: list[tuple[str, str, float]]) -> None:
        async with scene(folder, engine) as s:
            for operation, name, seconds in part:
                await perform(s, operation, name, seconds, policy)
            engine._failures.clear()
            for name in NAMES:
                engine.script(name).healthy_after_s = 0.0
            await s.supervisor.refresh()
            await s.pass_time(70, 0.5)
            check(s)

    half = len(operations) // 2 if killed else 0
    if half:
        asyncio.run(live(operations[:half]))
    asyncio.run(live(operations[half:]))


def check(s: Scene) -> None:
    there = {state.id: state for state in s.engine.containers()}
    assert set(s.supervisor._kept) == set(there)
    for container_id, state in there.items():
        kept = s.supervisor.kept(container_id)
        assert kept is not None
        assert kept.phase is (Phase.RUNNING if state.pid else Phase.IDLE)
        assert state.state is not State.RESTARTING
        assert kept.health is state.health or not state.pid
        if state.manually_stopped:
            assert not state.pid
        elif state.spec.restart.mode is RestartMode.ALWAYS and state.started_at:
            assert state.pid
