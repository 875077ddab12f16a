"""What the last failed RUN left, looked at later: without the step's mounts, which went with its build."""

from __future__ import annotations

import msgspec

from cais import decoding
from cais.build.executor import BuildExecutor, RunRequest
from cais.build.stage import FAILED_PREFIX
from cais.build.steps.model import RunStep
from cais.build.steps.run import find_shell
from cais.errors import NotFoundError
from cais.images.protocol import ImageStore


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A RUN that failed, and the snapshot of what it left."""

    step: RunStep
    snapshot: str
    words: str


def last_failed(store: ImageStore) -> Failed:
    """The one that failed last. Raises NotFoundError when there is none, or what it left was removed."""
    for facts in store.cached_with_prefix(FAILED_PREFIX):
        return Failed(step=decoding.decode(facts["step"], RunStep), snapshot=facts["snapshot"], words=facts["text"])
    raise NotFoundError(
        "no failed step is kept", hint="the files that a failed RUN leaves are kept until the next prune"
    )


def open_shell(failed: Failed, store: ImageStore, executor: BuildExecutor) -> int:
    """A shell on the caller's terminal; its exit code. What it changes is lost. Raises BuildError when there is no shell in the image."""
    step = failed.step
    with store.snapshots.prepare(failed.snapshot) as mounted:
        request = RunRequest(
            root=mounted.merged,
            argv=(find_shell(mounted.merged, step.span),),
            environment=step.environment,
            working_dir=step.working_dir,
            user=step.user,
            network=step.network,
        )
        return executor.interact(request)
