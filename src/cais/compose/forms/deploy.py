"""The form of `deploy` of a service (Compose Deploy Specification)."""

from __future__ import annotations

from cais.compose.forms.base import Form, choice, duration, integer, number, optional, size, table, text
from cais.compose.forms.limits import device_requests
from cais.compose.forms.lists import each, labels, texts

_UPDATE = table(
    {
        "parallelism": integer,
        "delay": duration,
        "failure_action": text,
        "monitor": duration,
        "max_failure_ratio": number,
        "order": text,
    }
)
_GENERIC = each(table({"discrete_resource_spec": table({"kind": text, "value": integer})}))
_SET = table(
    {"cpus": number, "memory": size, "pids": integer, "devices": device_requests, "generic_resources": _GENERIC}
)
_RESTART = table(
    {
        "condition": choice("any", "none", "on-failure"),
        "delay": duration,
        "max_attempts": integer,
        "window": duration,
    }
)
_PLACEMENT = table(
    {"constraints": texts, "preferences": each(table({"spread": text})), "max_replicas_per_node": integer}
)
deploy: Form = optional(
    table(
        {
            "mode": text,
            "endpoint_mode": text,
            "replicas": integer,
            "labels": labels,
            "resources": table({"limits": _SET, "reservations": _SET}),
            "restart_policy": _RESTART,
            "update_config": _UPDATE,
            "rollback_config": _UPDATE,
            "placement": _PLACEMENT,
        }
    )
)
