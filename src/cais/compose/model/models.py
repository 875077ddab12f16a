"""Language models: the top-level `models` and their use in a service (Compose Specification, "models")."""

from __future__ import annotations

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model. `key` is its key in the file, `model` the artifact it is made from, `context_size` in tokens."""

    key: str
    model: str
    name: str = ""
    context_size: int | None = None
    runtime_flags: tuple[str, ...] = ()


class ModelBinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The variables that tell a service where a model answers and which it is; "" for those made of the model's name."""

    endpoint_var: str = ""
    model_var: str = ""
