"""Forms of what is run around a container: `pre_start`, `post_start`, `pre_stop`, and `develop` with its `exec`."""

from __future__ import annotations

from cais.compose.forms.base import Context, Table, boolean, host_path, optional, refuse, table, text
from cais.compose.forms.lists import command, each, environment, one_or_more
from cais.compose.nodes import Node, Path, ScalarNode

_HOOK: Table = {
    "command": command,
    "user": text,
    "privileged": boolean,
    "working_dir": text,
    "environment": environment,
}
hook = table(_HOOK)
hooks = each(hook)
pre_start = each(table({**_HOOK, "image": text, "per_replica": boolean}))


def _path(node: Node, at: Path, context: Context) -> Node | None:
    if isinstance(node, ScalarNode) and not node.value:
        return refuse(node, at, context, "a path")
    return host_path(node, at, context)


_WATCH = table(
    {
        "path": _path,
        "action": text,
        "target": text,
        "ignore": one_or_more,
        "include": one_or_more,
        "initial_sync": boolean,
        "exec": hook,
    }
)
develop = optional(table({"watch": each(_WATCH)}))
