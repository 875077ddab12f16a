"""What a step may do only when the caller allows it (BuildKit's entitlements)."""

from __future__ import annotations

from collections.abc import Iterable

from cais.build.request import BuildRequest
from cais.build.steps.model import RunStep, Step
from cais.errors import BuildError, UsageError

HOST_NETWORK = "network.host"
INSECURE = "security.insecure"
KNOWN = (HOST_NETWORK, INSECURE)


def check_known(allowed: Iterable[str]) -> None:
    """Raise UsageError for a right that there is not."""
    for name in allowed:
        if name not in KNOWN:
            raise UsageError(f'there is no right "{name}" to allow', hint="the rights are " + " and ".join(KNOWN))


def check(request: BuildRequest, steps: Iterable[Step]) -> None:
    """Raise BuildError, placed at the step, for one that asks for what `request` does not allow."""
    allowed = request.allow | ({HOST_NETWORK} if request.network == "host" else set())
    for step in steps:
        if not isinstance(step, RunStep):
            continue
        for asks, right, flag in (
            (step.network == "host", HOST_NETWORK, "--network=host"),
            (step.insecure, INSECURE, "--security=insecure"),
        ):
            if asks and right not in allowed:
                hint = f"if you trust it: --allow {right}, or `entitlements: [{right}]` in the Compose file"
                raise BuildError(f'"RUN {flag}" is not allowed', span=step.span, hint=hint)
