"""Names of variables that say that they hold a secret (the list of BuildKit's check "SecretsUsedInArgOrEnv")."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)", re.IGNORECASE
)
_NOT_SECRET = re.compile(r"(?:_|^)public(?:_|$)", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Whether a variable of this name most probably holds one."""
    return _SECRET.search(name) is not None and _NOT_SECRET.search(name) is None
