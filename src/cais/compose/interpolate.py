"""Puts variables into the values of a tree (never into keys), and tells each variable that is not set, with its place."""

from __future__ import annotations

from collections.abc import Mapping

from cais.compose import scalars
from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode
from cais.compose.problems import Problems
from cais.compose.template import Missing, TemplateError, expand

# The schema takes text for nearly every value, so that variables may stand there; these few it wants typed. "*" is any one step.
_TYPED: tuple[tuple[str, ...], ...] = (
    ("services", "*", "depends_on", "*", "required"),
    ("services", "*", "develop", "watch", "*", "initial_sync"),
    ("services", "*", "use_api_socket"),
    ("models", "*", "context_size"),
)
_TYPED_ENDS = frozenset(path[-1] for path in _TYPED)


def interpolate(tree: Node, env: Mapping[str, str], problems: Problems) -> Node:
    """`tree` with the variables of `env` put in; nodes without variables are kept as they are."""
    return _Interpolation(env, problems).node(tree, ())


class _Interpolation:
    def __init__(self, env: Mapping[str, str], problems: Problems) -> None:
        self._env = env
        self._problems = problems

    def node(self, node: Node, path: tuple[str, ...]) -> Node:
        if isinstance(node, ScalarNode):
            return self._scalar(node, path) if isinstance(node.value, str) and "$" in node.value else node
        if isinstance(node, MapNode):
            items = {key: self.node(value, (*path, key)) for key, value in node.items.items()}
            if all(items[key] is value for key, value in node.items.items()):
                return node
            return MapNode(items, node.keys, node.span, node.tag)
        nodes = tuple([self.node(item, (*path, "*")) for item in node.items])
        return (
            node
            if all(new is old for new, old in zip(nodes, node.items, strict=True))
            else ListNode(nodes, node.span, node.tag)
        )

    def _scalar(self, node: ScalarNode, path: tuple[str, ...]) -> ScalarNode:
        missing: list[Missing] = []
        try:
            text = expand(str(node.value), self._env.get, missing)
        except TemplateError as error:
            self._problems.error(error.message, node.at(error.offset, error.length), error.hint)
            text = ""
        for variable in missing:
            self._problems.warn(
                f'the variable "{variable.name}" is not set and becomes empty',
                node.at(variable.offset, len(variable.name) + 1),
                f'set it in the environment or in the file ".env", or give a default: ${{{variable.name}:-...}}',
            )
        typed = bool(path) and path[-1] in _TYPED_ENDS and any(_matches(pattern, path) for pattern in _TYPED)
        return ScalarNode(scalars.resolve(text) if typed else text, node.span, text, -1, node.tag)


def _matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(want in {"*", have} for want, have in zip(pattern, path, strict=True))
