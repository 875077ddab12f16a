"""The variables that files are interpolated with: their values, where each comes from, and where each is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cais.compose.nodes import Node, ScalarNode, scalars_of
from cais.compose.template import TemplateError, variables
from cais.errors import Span


class Variables(Mapping[str, str]):
    """A frozen mapping of variables which knows the env file that each comes from."""

    def __init__(self, values: Mapping[str, str], places: Mapping[str, Span] | None = None) -> None:
        self._values = dict(values)
        self._places = dict(places or {})

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def places(self) -> Mapping[str, Span]:
        """The lines of env files that set the variables which come from there."""
        return self._places

    def with_value(self, name: str, value: str) -> Variables:
        """These with one more, or with another value of one."""
        return Variables({**self._values, name: value}, {key: at for key, at in self._places.items() if key != name})

    def place(self, name: str) -> Span | None:
        """Where an env file sets the variable; None when it is of the process's environment, or not set."""
        return self._places.get(name)

    def below(self, values: Mapping[str, str], places: Mapping[str, Span]) -> Variables:
        """These, and behind them others, whose values hold where these have none."""
        added = {name: place for name, place in places.items() if name not in self._values}
        return Variables({**values, **self._values}, {**self._places, **added})


def as_variables(env: Mapping[str, str]) -> Variables:
    """`env`, if need be as one of the process's environment."""
    return env if isinstance(env, Variables) else Variables(env)


class Use(msgspec.Struct, frozen=True):
    """A place where a variable is used. `operator` and `word` as in `template.Variable`; `value` is None and `source` too when it is not set.

    `source` is the line of an env file; None as well when the value is of the process's environment.
    """

    name: str
    operator: str
    word: str
    span: Span
    value: str | None
    source: Span | None


def uses(tree: Node, env: Mapping[str, str]) -> Iterator[Use]:
    """Every use of a variable in `tree`. Texts that are no valid template have none; what is wrong with them is told when variables are put in."""
    known = as_variables(env)
    for node in scalars_of(tree):
        if isinstance(node.value, str) and "$" in node.value:
            yield from _uses(node, node.value, known)


def _uses(node: ScalarNode, text: str, env: Variables) -> Iterator[Use]:
    try:
        found = list(variables(text))
    except TemplateError:
        return
    for variable in found:
        span = node.at(variable.offset, variable.length)
        value, source = env.get(variable.name), env.place(variable.name)
        yield Use(variable.name, variable.operator, variable.word, span, value, source)
