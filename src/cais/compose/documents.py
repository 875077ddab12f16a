"""One Compose file: read, parsed, interpolated, validated and made canonical, its `extends` and `include` followed."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Mapping

import msgspec

from cais.compose import canonical, interpolate, schema, template, variables, yamlreader
from cais.compose.forms.base import Context
from cais.compose.nodes import MapNode, Node, Path, ScalarNode, kind_of
from cais.compose.problems import Problems
from cais.compose.reader import FileReader
from cais.compose.variables import Use
from cais.errors import Span


class Reading(msgspec.Struct, frozen=True):
    """How the files of one load are read.

    Without `interpolate` variables stay as they are written, without `absolute_paths` relative paths do; with `collect_uses` the variables are noted.
    """

    interpolate: bool = True
    absolute_paths: bool = True
    collect_uses: bool = False


class Session(msgspec.Struct, frozen=True):
    """What all files of one load share.

    `shown` turns an absolute path into the one told to users; `damaged` collects what was refused, `uses` the variables that stand in the files.
    """

    reader: FileReader
    problems: Problems
    home: str
    directory: str
    shown: Callable[[str], str]
    memo: schema.SchemaMemo | None = None
    reading: Reading = Reading()
    damaged: set[Path] = set()
    uses: list[Use] = []

    def path_text(self, text: str, env: Mapping[str, str]) -> str:
        """A path to a file that is to be read now, also where variables stay as they are written. One that cannot be known is taken as it is."""
        if self.reading.interpolate or "$" not in text:
            return text
        try:
            return template.expand(text, env.get, [])
        except template.TemplateError:
            return text

    def context(self, folder: str) -> Context:
        """What forms need for a file whose relative paths begin at `folder`."""
        written = folder
        if not self.reading.absolute_paths:
            written = "" if folder == self.directory else os.path.relpath(folder, self.directory)
        return Context(self.problems, written, self.home, not self.reading.interpolate)


def read_text(path: str, session: Session, span: Span | None, what: str) -> str | None:
    """The text of the file that `span` names; None when it cannot be read, which has then been told."""
    try:
        return session.reader.read(path)
    except FileNotFoundError:
        reason, hint = "does not exist", "check the path; relative ones begin at the project directory"
    except IsADirectoryError:
        reason, hint = "is a folder", "name a file"
    except PermissionError:
        reason, hint = "may not be read", "check its owner and mode"
    except UnicodeDecodeError:
        reason, hint = "is not UTF-8 text", "save it as UTF-8"
    except OSError as error:
        reason, hint = f"cannot be read: {error.strerror}", "check the path"
    session.problems.error(f'the {what} "{path}" {reason}', span, hint)
    return None


def load_documents(text: str, path: str, folder: str, env: Mapping[str, str], session: Session) -> list[MapNode]:
    """The canonical trees of a file's documents, `extends` and `include` not yet followed. Relative paths begin at `folder`."""
    trees: list[MapNode] = []
    for number, document in enumerate(yamlreader.read(text, session.shown(path), session.problems)):
        if _is_empty(document):
            continue
        if not isinstance(document, MapNode):
            message = f"document {number + 1} must be a mapping, not {kind_of(document)}"
            session.problems.error(message, document.span, 'it begins with "services:"')
            continue
        trees.append(_document(document, folder, env, session))
    return trees


def _document(tree: MapNode, folder: str, env: Mapping[str, str], session: Session) -> MapNode:
    if session.reading.collect_uses:
        session.uses.extend(variables.uses(tree, env))
    node: Node = tree
    if session.reading.interpolate:
        node = interpolate.interpolate(tree, env, session.problems)
    wrong = schema.validate(node, session.problems, session.memo)
    # from the end, so that the index of what is still to be taken out of a list stays right
    for path in sorted(
        {_whole(path) for path in wrong},
        key=lambda path: [(isinstance(step, str), step) for step in path],
        reverse=True,
    ):
        session.damaged.add(path[:3])
        node = schema.prune(node, path)
    before = len(session.problems.errors)
    made = canonical.canonical(node, session.context(folder)) if isinstance(node, MapNode) else tree
    if len(session.problems.errors) > before:
        _mark_lost(node, made, session)
    return made


def _is_empty(document: Node) -> bool:
    return (
        document.value is None
        if isinstance(document, ScalarNode)
        else isinstance(document, MapNode) and not document.items
    )


def _whole(path: Path) -> Path:
    """Of a list, an item that is wrong within is left out whole: what remains of it would be told as wrong again."""
    return next((path[: n + 1] for n, step in enumerate(path) if isinstance(step, int)), path)


def _mark_lost(before: Node, after: MapNode, session: Session) -> None:
    """What a form refused is gone from the tree: remember it, so that nobody misses it a second time."""
    services, left = before.get("services") if isinstance(before, MapNode) else None, after.get("services")
    if not isinstance(services, MapNode) or not isinstance(left, MapNode):
        return
    for name, service in services.items.items():
        kept = left.get(name)
        if isinstance(service, MapNode):
            have = kept.items if isinstance(kept, MapNode) else {}
            session.damaged.update(("services", name, key) for key in service.items if key not in have)


def folder_of(path: str) -> str:
    """The folder that a file lies in."""
    return os.path.dirname(path) or "/"
