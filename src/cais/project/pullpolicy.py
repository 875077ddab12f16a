"""When an image is fetched although it may be here (Compose Specification, services, `pull_policy`)."""

from __future__ import annotations

import enum

import msgspec

from cais.compose.quantities import parse_duration

_DAY_S = 86_400.0
_EVERY = "every_"


class PullRule(enum.Enum):
    """What a policy looks at."""

    UNSAID = ""
    ALWAYS = "always"
    MISSING = "missing"
    NEVER = "never"
    BUILD = "build"
    AGE = "age"


class PullPolicy(msgspec.Struct, frozen=True):
    """A rule; with `AGE` an image is fetched anew when its last fetch is longer ago than `most_s` seconds."""

    rule: PullRule = PullRule.UNSAID
    most_s: float = 0.0

    def wants(self, *, is_present: bool, age_s: float | None) -> bool:
        """Whether to ask a registry for an image that is here or not, and was fetched `age_s` seconds ago (None: never, or nobody knows)."""
        if self.rule is PullRule.ALWAYS:
            return True
        if self.rule is PullRule.AGE:
            return not is_present or age_s is None or age_s > self.most_s
        return self.rule in {PullRule.MISSING, PullRule.UNSAID} and not is_present


_NAMED = {
    "if_not_present": PullPolicy(PullRule.MISSING),
    "daily": PullPolicy(PullRule.AGE, _DAY_S),
    "weekly": PullPolicy(PullRule.AGE, 7 * _DAY_S),
    # The schema knows it, the specification does not say what it means without `pull_refresh_after`, which is refused.
    "refresh": PullPolicy(PullRule.ALWAYS),
}


def parse_policy(text: str) -> PullPolicy:
    """A service's `pull_policy`, which the schema has checked; `policy`, a word of the command line, leaves it to the files."""
    if text in _NAMED:
        return _NAMED[text]
    if text.startswith(_EVERY):
        return PullPolicy(PullRule.AGE, parse_duration(text.removeprefix(_EVERY)) or 0.0)
    return PullPolicy(PullRule(text))
