from __future__ import annotations

import msgspec
import pytest

from cais.engine.protocol import ContainerSpec, ContainerState, State
from cais.supervise.goals import Goal, WaitEnd, end_of_wait
from cais.supervise.kept import Kept, Phase

CREATED = ContainerState(
    id="c", spec=ContainerSpec(name="c", image_id="i", image_reference="i"), state=State.CREATED, created_at=1.0
)
RUNNING = msgspec.structs.replace(CREATED, state=State.RUNNING, pid=7, started_at=2.0)
FAILED = msgspec.structs.replace(RUNNING, state=State.EXITED, pid=0, finished_at=3.0, exit_code=3)


@pytest.mark.parametrize(
    ("goal", "state", "phase", "end"),
    [
        (Goal.STARTED, CREATED, Phase.IDLE, None),
        (Goal.STARTED, RUNNING, Phase.RUNNING, WaitEnd.REACHED),
        (Goal.STARTED, FAILED, Phase.IDLE, WaitEnd.REACHED),
        (Goal.STARTED, FAILED, Phase.SETTLING, WaitEnd.REACHED),
        (Goal.RUNNING, FAILED, Phase.IDLE, WaitEnd.EXITED),
        (Goal.RUNNING, FAILED, Phase.SETTLING, None),
        (Goal.HEALTHY, FAILED, Phase.IDLE, WaitEnd.EXITED),
        (Goal.COMPLETED, FAILED, Phase.IDLE, WaitEnd.EXITED),
    ],
)
def test_what_has_ended_was_started(goal: Goal, state: ContainerState, phase: Phase, end: WaitEnd | None) -> None:
    assert end_of_wait(Kept(state=state, phase=phase), goal) is end
