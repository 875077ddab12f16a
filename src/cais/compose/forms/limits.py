"""Forms of limits: `ulimits`, `blkio_config`, and the devices that `gpus` and `deploy` ask for."""

from __future__ import annotations

from cais.compose.forms.base import Context, Form, integer, refuse, size, table, text
from cais.compose.forms.lists import each, labels, texts
from cais.compose.model.deploy import ALL_DEVICES
from cais.compose.nodes import ListNode, MapNode, Node, Path, ScalarNode, mapping, scalar

_LIMIT = table({"soft": integer, "hard": integer})


def _ulimit(node: Node, at: Path, context: Context) -> Node | None:
    return _LIMIT(node, at, context) if isinstance(node, MapNode) else integer(node, at, context)


def named(form: Form) -> Form:
    """A mapping from names that the user chose, each with the same form of value."""

    def every(node: Node, at: Path, context: Context) -> Node | None:
        names = node.items if isinstance(node, MapNode) else ()
        return table(dict.fromkeys(names, form))(node, at, context)

    return every


ulimits = named(_ulimit)
_WEIGHTS = each(table({"path": text, "weight": integer}))
_RATES = each(table({"path": text, "rate": size}))
blkio = table(
    {
        "weight": integer,
        "weight_device": _WEIGHTS,
        **dict.fromkeys(("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"), _RATES),
    }
)


def _count(node: Node, at: Path, context: Context) -> Node | None:
    if isinstance(node, ScalarNode) and str(node.value).lower() == "all":
        return scalar(ALL_DEVICES, node.span)
    return integer(node, at, context)


_REQUEST = table(
    {"capabilities": texts, "driver": text, "count": _count, "device_ids": texts, "options": labels},
)


def _request(node: Node, at: Path, context: Context) -> Node | None:
    made = _REQUEST(node, at, context)
    if not isinstance(made, MapNode):
        return made
    if "count" in made.items and "device_ids" in made.items:
        return refuse(node, at, context, 'a request with either "count" or "device_ids"')
    if "count" not in made.items and "device_ids" not in made.items:
        return made.replacing({**made.items, "count": scalar(ALL_DEVICES, node.span)})
    return made


device_requests = each(_request)


def gpus(node: Node, at: Path, context: Context) -> Node | None:
    """`gpus`: the word `all`, or a list of requests."""
    if isinstance(node, ScalarNode):
        everything = mapping({"count": scalar(ALL_DEVICES, node.span)}, node.span)
        return ListNode((everything,), node.span, node.tag)
    return device_requests(node, at, context)
