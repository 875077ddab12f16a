"""Where registries files are. Apart from their reader, which needs YAML: most commands find that there are none."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cais.errors import NotFoundError

VARIABLE = "CAIS_REGISTRIES"
FILE_NAME = "registries.yaml"
SYSTEM_FILE = f"/etc/cais/{FILE_NAME}"


def find_files(env: Mapping[str, str]) -> tuple[str, ...]:
    """The files that count, the weakest first: the machine's and the user's, or the one that `CAIS_REGISTRIES` names. Raises NotFoundError."""
    if named := env.get(VARIABLE):
        if not os.path.isfile(named):
            raise NotFoundError(f'the registries file "{named}" does not exist', hint=f"{VARIABLE} names it")
        return (named,)
    home = env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME", "/root"), ".config")
    return tuple(path for path in (SYSTEM_FILE, os.path.join(home, "cais", FILE_NAME)) if os.path.exists(path))
