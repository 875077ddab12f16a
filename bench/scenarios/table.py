"""All scenarios, in the order of the report."""

from __future__ import annotations

from bench.scenarios import build, contexts, idle, registry, requests, stack

SCENARIOS = (
    stack.SCENARIO,
    build.SCENARIO,
    contexts.SCENARIO,
    idle.IDLE,
    idle.CROWDED,
    requests.SCENARIO,
    registry.SCENARIO,
)
