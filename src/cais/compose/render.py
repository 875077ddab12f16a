"""A canonical tree as people and programs read it, in the shape that `docker compose config` has: what is rendered loads to the same model again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from cais.compose import scalars
from cais.compose.model.project import KeyPath, Origins, Replaced
from cais.compose.nodes import MapNode, Plain, to_plain
from cais.compose.reshape import said, service
from cais.compose.schema import dotted
from cais.errors import Span

Tree = dict[str, Plain]
_SECTIONS = ("networks", "volumes", "secrets", "configs", "models")


_READ_FILES = ("env_file", "label_file")


def to_tree(name: str, tree: MapNode, *, with_files: bool = False) -> Tree:
    """A canonical tree as plain data in the shape of a Compose file. Text is not escaped.

    `with_files` shows `env_file` and `label_file` too, for a tree in which they have not been read into `environment` and `labels`.
    """
    plain = to_plain(tree)
    assert isinstance(plain, dict)
    left_out = () if with_files else _READ_FILES

    def shown(item: Tree) -> Tree:
        return service({key: value for key, value in item.items() if key not in left_out})

    made: Tree = {"name": name, "services": _each(plain.get("services"), shown)}
    for section in _SECTIONS:
        if plain.get(section):
            made[section] = _each(plain[section], said)
    return {**made, **{key: value for key, value in plain.items() if key.startswith("x-")}}


def _each(section: Plain, shape: Callable[[Tree], Tree]) -> Plain:
    """Each entry of a section in its rendered shape, sorted by name."""
    if not isinstance(section, dict):
        return {}
    return {key: shape(item) if isinstance(item, dict) else item for key, item in sorted(section.items())}


def to_yaml(tree: Tree) -> str:
    """The tree as YAML."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        pass

    # PyYAML quotes what YAML 1.1 would misread; go-yaml, which other tools use, has more (0o17, 1e3)
    def text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
        is_plain = isinstance(scalars.resolve(value), str)
        style = "|" if "\n" in value and value.strip() else None if is_plain else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign] # people copy parts: no anchors
    return yaml.dump(
        tree, Dumper=Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1_000_000
    )


def to_json(tree: Tree, *, with_empty: bool = True) -> str:
    """The tree as JSON, indented; `with_empty` adds the empty values that readers of Docker Compose's JSON find there."""
    shown = _with_empty(tree) if with_empty else tree
    text = msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
    # characters that JSON allows as they are, and YAML, as which this may be read again, does not
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def escaped(tree: Tree) -> Tree:
    """The tree with each `$` of its texts doubled, so that loading it puts no variables in."""
    return {key: _escaped(value) for key, value in tree.items()}  # in keys no variables are put in


def _escaped(plain: Plain) -> Plain:
    if isinstance(plain, str):
        return plain.replace("$", "$$")
    if isinstance(plain, dict):
        return escaped(plain)
    return [_escaped(item) for item in plain] if isinstance(plain, list) else plain


# --- what JSON has besides -------------------------------------------------------------------------------------------


def _with_empty(tree: Tree) -> Tree:
    """Docker Compose's JSON names these also when nothing is said: a service's command and entry point, and the parts of `deploy` and of networks."""
    made = dict(tree)
    made["services"] = _mapped(tree.get("services"), _service_with_empty)
    if "networks" in tree:
        made["networks"] = _mapped(tree["networks"], lambda network: {"ipam": {}, **network})
    return made


def _mapped(section: Plain, shape: Callable[[Tree], Tree]) -> Plain:
    if not isinstance(section, dict):
        return section
    return {key: shape(item) if isinstance(item, dict) else item for key, item in section.items()}


def _service_with_empty(service: Tree) -> Tree:
    made: Tree = {"command": None, "entrypoint": None, **service}
    if isinstance(deploy := made.get("deploy"), dict):
        made["deploy"] = {"resources": {}, "placement": {}, **deploy}
    for key in ("post_start", "pre_stop"):
        if isinstance(hooks := made.get(key), list):
            made[key] = [{"command": None, **hook} if isinstance(hook, dict) else hook for hook in hooks]
    return made


# --- origins ---------------------------------------------------------------------------------------------------------


class OriginRow(msgspec.Struct, frozen=True):
    """One value of a project, the place that set it (None for a default), and what it took the place of, the last first."""

    path: KeyPath
    value: Plain
    span: Span | None
    replaced: tuple[Replaced, ...] = ()

    def __str__(self) -> str:
        place = str(self.span or "default")
        over = "".join(f", over {_shown(old.value)} at {old.span}" for old in self.replaced)
        return f"{dotted(self.path)}: {_shown(self.value)}  ({place}{over})"


def _shown(value: Plain) -> str:
    return str(value) if isinstance(value, list | dict) else scalars.as_text(value)


def origins(tree: Tree, known: Origins) -> Iterator[OriginRow]:
    """Every single value of a rendered tree with the place that set it."""
    yield from _rows((), tree, known)


def _rows(path: KeyPath, value: Plain, known: Origins) -> Iterator[OriginRow]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _rows((*path, key), item, known)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _rows((*path, index), item, known)
    else:
        yield OriginRow(path, value, known.of(*path), known.replaced_at(*path))
