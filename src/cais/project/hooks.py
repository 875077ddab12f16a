"""Runs the hooks of a service: commands inside its container, after the start and before the stop (Compose Specification, "post_start", "pre_stop").

As in Docker Compose, one that fails ends the command: after a failed `post_start` the container runs on and nothing that depends on it
is started; after a failed `pre_stop` the container is not stopped.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from cais.engine.details import HookSpec
from cais.engine.protocol import ContainerState, Engine, ExecSpec
from cais.errors import CaisError, CannotExecute
from cais.events import EventSink, Phase, ResourceEvent

SHOWN_LINES = 10
_HINTS = {
    "post_start": "the container runs; correct the hook and run the command again",
    "pre_stop": "the container runs on; `cais kill` ends it without its hooks",
}


def run(engine: Engine, container: ContainerState, kind: str, hooks: Sequence[HookSpec], events: EventSink) -> None:
    """Run `hooks` in their order. Raises CaisError for the first that fails, with what it wrote."""
    for hook in hooks:
        command = shlex.join(hook.command)
        events.emit(
            ResourceEvent(
                kind="Container", name=container.name, phase=Phase.WORKING, status="Hook", detail=f"{kind}: {command}"
            )
        )
        try:
            done = engine.capture(container.id, _exec_spec(hook))
        except CannotExecute as error:
            raise CaisError(f'{kind} hook of "{container.name}": {error.message}', hint=_HINTS[kind]) from error
        if done.exit_code != 0:
            lines = done.output.strip().splitlines()[-SHOWN_LINES:]
            raise CaisError(
                f'{kind} hook of "{container.name}" ended with exit code {done.exit_code}',
                details=(f"its command: {command}", *(f"  {line}" for line in lines)),
                hint=_HINTS[kind],
            )


def _exec_spec(hook: HookSpec) -> ExecSpec:
    return ExecSpec(
        argv=hook.command,
        environment=hook.environment,
        user=hook.user or None,
        working_dir=hook.working_dir or None,
        privileged=hook.privileged,
    )
