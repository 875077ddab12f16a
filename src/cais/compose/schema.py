"""Validates a tree against the official Compose schema and says each violation in our words, at its place.

The schema is data of the package check-jsonschema, which vendors it from the Compose Specification; the package itself is not imported.
The validator costs more to import than a small file to load, so a caller may hand in a `SchemaMemo` that remembers trees found valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from cais.compose.nodes import Node, Path, find, kind_of, to_plain
from cais.compose.problems import Problems, nearest
from cais.errors import MissingTool, Span

DIGEST_BYTES = 20
_DATA_FILE = "builtin_schemas/vendor/compose-spec.json"
_COLLECTIONS = {
    "services": "service",
    "networks": "network",
    "volumes": "volume",
    "secrets": "secret",
    "configs": "config",
    "models": "model",
}
_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}
_Schema = dict[str, Any]
_Error = Any  # jsonschema_rs ships no types of its own that mypy could read here


class SchemaMemo(Protocol):
    """Remembers which trees are valid, by their digest (`DIGEST_BYTES` of the tree and of the schema file)."""

    def is_valid(self, digest: bytes) -> bool:
        """Whether the tree of this digest was found valid before."""

    def remember(self, digest: bytes) -> None:
        """The tree of this digest is valid."""


def validate(tree: Node, problems: Problems, memo: SchemaMemo | None = None) -> tuple[Path, ...]:
    """Tell every violation in `tree`. Returns the paths of what is wrong, which later passes leave out."""
    plain = to_plain(tree)
    digest = b""
    if memo is not None:
        digest = _digest(plain)
        if memo.is_valid(digest):
            return ()
    import jsonschema_rs

    text = _read_schema()
    validator = jsonschema_rs.Draft202012Validator(msgspec.json.decode(text))
    if validator.is_valid(plain):
        if memo is not None:
            memo.remember(digest)
        return ()
    return _Report(tree, msgspec.json.decode(text), problems).tell(list(validator.iter_errors(plain)))


def prune(tree: Node, path: Path) -> Node:
    """`tree` without the value at `path`."""
    from cais.compose.nodes import ListNode, MapNode

    if not path:
        return MapNode({}, {}, tree.span)
    step, rest = path[0], path[1:]
    if isinstance(tree, MapNode) and isinstance(step, str) and step in tree.items:
        items = dict(tree.items)
        if rest:
            items[step] = prune(items[step], rest)
        else:
            del items[step]
        return MapNode(items, tree.keys, tree.span, tree.tag)
    if isinstance(tree, ListNode) and isinstance(step, int) and step < len(tree.items):
        replaced = (prune(tree.items[step], rest),) if rest else ()
        return ListNode((*tree.items[:step], *replaced, *tree.items[step + 1 :]), tree.span, tree.tag)
    return tree


def _schema_path() -> str:
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("check_jsonschema")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return f"{folder}/{_DATA_FILE}"
    raise MissingTool("the Compose schema is not installed", hint="pip install check-jsonschema")


def _read_schema() -> bytes:
    try:
        with open(_schema_path(), "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise MissingTool(
            "the package check-jsonschema holds no Compose schema", hint="pip install 'check-jsonschema>=0.33'"
        ) from error


def _digest(plain: object) -> bytes:
    import os
    from hashlib import blake2b

    stat = os.stat(_schema_path())
    return blake2b(msgspec.json.encode((stat.st_size, stat.st_mtime_ns, plain)), digest_size=DIGEST_BYTES).digest()


class _Report:
    """Turns the validator's errors into problems."""

    def __init__(self, tree: Node, schema: _Schema, problems: Problems) -> None:
        self._tree = tree
        self._schema = schema
        self._problems = problems
        self._wrong: list[Path] = []
        self._tellers: dict[str, Callable[[_Error], None]] = {
            "additionalProperties": self._unknown,
            "unevaluatedProperties": self._unknown,
            "required": self._required,
            "type": lambda error: self._not_a(error, error.kind.types),
            "enum": self._enum,
            "uniqueItems": self._twice,
            "oneOf": self._one_of,
            "anyOf": self._one_of,
            "pattern": self._pattern,
        }

    def tell(self, errors: Sequence[_Error]) -> tuple[Path, ...]:
        for error in errors:
            self._tellers.get(error.kind.name, self._other)(error)
        return tuple(self._wrong)

    def _add(self, path: Path, message: str, hint: str | None = None, span: Span | None = None) -> None:
        self._wrong.append(path)
        self._problems.error(message, span or find(self._tree, path)[1], hint)

    def _unknown(self, error: _Error) -> None:
        at = tuple(error.instance_path)
        owner = self._at(error.schema_path[:-1])
        known = sorted(self._properties(owner))
        for name in error.kind.unexpected:
            if name in known or name.startswith("x-"):
                continue  # named because something within it is wrong, which has its own error
            if known:
                hint = (
                    nearest(name, known)
                    or "the Compose Specification knows none such; names that begin with x- are free"
                )
                self._add((*at, name), f'unknown attribute "{name}" in {where(at)}', hint)
            else:
                self._add(
                    (*at, name),
                    f'"{name}" is not a valid name in {where(at)}',
                    "use letters, digits, dots, underscores and hyphens",
                )

    def _required(self, error: _Error) -> None:
        name = error.kind.property
        path = tuple(error.instance_path)
        self._add(path, f'{where(path)} lacks "{name}"')

    def _not_a(self, error: _Error, types: Sequence[str]) -> None:
        path = tuple(error.instance_path)
        node, _ = find(self._tree, path)
        expected = " or ".join(dict.fromkeys(_TYPE_WORDS[name] for name in types))
        quoting = (
            "put it in quotes"
            if "string" in types and kind_of(node).startswith(("the number", "the boolean"))
            else None
        )
        self._add(path, f"{where(path)} must be {expected}, not {kind_of(node)}", quoting)

    def _enum(self, error: _Error) -> None:
        path = tuple(error.instance_path)
        node, _ = find(self._tree, path)
        options = [str(option) for option in error.kind.options]
        self._add(
            path,
            f"{where(path)} must be one of {', '.join(options)}, not {kind_of(node)}",
            nearest(str(error.instance), options),
        )

    def _twice(self, error: _Error) -> None:
        path = tuple(error.instance_path)
        instance: list[object] = error.instance
        index = next((n for n, item in enumerate(instance) if item in instance[:n]), 0)
        item = instance[index]
        named = f' "{item}"' if isinstance(item, str | int | float) else ""
        # nothing is lost without the second one, and merging would drop it as well
        span = find(self._tree, (*path, index))[1]
        self._problems.warn(f"the entry{named} stands twice in {where(path)}", span, "remove one of them")

    def _pattern(self, error: _Error) -> None:
        path = tuple(error.instance_path)
        node, _ = find(self._tree, path)
        self._add(path, f"{where(path)} cannot be {kind_of(node)}", f"it must match {error.kind.pattern}")

    def _one_of(self, error: _Error) -> None:
        """Of the forms that are allowed, speak of the one that was meant: the one whose type fits."""
        path = tuple(error.instance_path)
        types: list[str] = []
        for branch in error.kind.context:
            mistyped = [e for e in branch if e.kind.name == "type" and tuple(e.instance_path) == path]
            if not mistyped and branch:
                self.tell(branch)
                return
            types += [name for e in mistyped for name in e.kind.types]
        if types:
            self._not_a(error, types)
        else:
            self._other(error)

    def _other(self, error: _Error) -> None:
        path = tuple(error.instance_path)
        self._add(path, f"{where(path)} is not valid: {error.message[:1].lower()}{error.message[1:]}")

    def _at(self, path: Sequence[str | int]) -> _Schema:
        part: Any = self._schema
        for step in path:
            part = part[step]
        return part if isinstance(part, dict) else {}

    def _properties(self, part: _Schema) -> set[str]:
        names = set(part.get("properties", ()))
        for other in part.get("allOf", ()):
            names |= self._properties(other)
        if "$ref" in part:
            names |= self._properties(self._at(part["$ref"].removeprefix("#/").split("/")))
        return names


def where(path: Path) -> str:
    """What stands at `path`, in words: `service "web"`, `"build.context" of service "web"`."""
    if not path:
        return "the file"
    kind = _COLLECTIONS.get(str(path[0]))
    if kind is None or len(path) == 1:
        return f'"{dotted(path)}"'
    owner = f'{kind} "{path[1]}"'
    return owner if len(path) == 2 else f'"{dotted(path[2:])}" of {owner}'  # collection and name


def dotted(path: Path) -> str:
    """A path as people write it: `ports[0].target`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
