"""What a COPY of many files takes over from an earlier one of its kind: a step of which a few files changed costs what changed.

The earlier layer is laid out again as hard links (layers are never changed), and only what differs is copied over it. That is done where
both stand on the same snapshot and differ in nothing but the files, which are those of one folder of a context; what was put where is
remembered beside the layer:

    copies/SNAPSHOT    the rows of the copy that made it, by path
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from cais import durable
from cais.build.cachekey import cache_key
from cais.build.select import Item, Match
from cais.build.steps.model import CopyStep
from cais.build.tree import Tree

LEAST_FILES = 500
"""Below that a copy takes less time than it would to remember it."""
FOLDER = "copies"
_VERSION = 1


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file of a context as it was copied: of a regular file with its content's sha256, else with none."""

    mode: int
    size: int
    mtime_ns: int
    digest: bytes = b""


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    version: int
    rows: dict[str, Row]


class NotReusable(Exception):
    """The earlier layer cannot become the new one: it is made from nothing."""


class Ledger:
    """What one copy puts where, and what of it an earlier one has put there already. Paths are below the folder that is copied."""

    def __init__(self, tree: Tree, earlier: Mapping[str, Row], lowers: Sequence[str]) -> None:
        """`earlier` is empty where nothing is there yet; `lowers` are the layers below, bottom first."""
        self._tree = tree
        self._earlier = earlier
        self._lowers = lowers
        self.rows: dict[str, Row] = {}

    def keeps(self, item: Item) -> bool:
        """Notes the item; whether it is there, as it is to be. Folders, links and what has several names are always made."""
        entry = item.entry
        is_plain = stat.S_ISREG(entry.mode) and entry.links == 1
        row = Row(entry.mode, entry.size, entry.mtime_ns, self._tree.digest(entry) if is_plain else b"")
        self.rows[item.target] = row
        return is_plain and self._earlier.get(item.target) == row

    def clear(self, items: Iterable[Item], root: str, folder: str) -> None:
        """Remove from `folder` in `root` what the earlier copy has put there and this one does not, or as something of another kind.

        Raises NotReusable where a layer below has something in that place: it would stay hidden.
        """
        for path in self._gone(items):
            target = os.path.join(folder, path)
            if any(os.path.lexists(lower + target.removeprefix(root)) for lower in self._lowers):
                raise NotReusable
            if stat.S_ISDIR(self._earlier[path].mode):
                os.rmdir(target)
            else:
                os.unlink(target)

    def _gone(self, items: Iterable[Item]) -> Sequence[str]:
        """What is in a folder before the folder."""
        kinds = {item.target: stat.S_IFMT(item.entry.mode) for item in items}
        found = (path for path, row in self._earlier.items() if kinds.get(path) != stat.S_IFMT(row.mode))
        return sorted(found, reverse=True)


def can_be_reused(step: CopyStep) -> bool:
    """Whether the step copies from one place and does nothing else."""
    is_one = step.order == step.sources and len(step.sources) == 1
    return is_one and not (step.link or step.parents or step.unpack or step.inline)


def is_worth_it(matches: Sequence[Match]) -> bool:
    """Whether it is one folder with many files."""
    return len(matches) == 1 and matches[0].entry.is_folder and len(matches[0].items) >= LEAST_FILES


def kind_key(step: CopyStep, parent: str) -> str:
    """What copies have in common that differ in the files alone. `parent` is the key of the step before."""
    return "copy " + cache_key(step, parent, {}).digest


def read(build_folder: str, snapshot: str) -> dict[str, Row] | None:
    """The rows of the copy that made a snapshot; None where they were not kept."""
    try:
        with open(_path(build_folder, snapshot), "rb") as stream:
            saved = msgspec.msgpack.decode(stream.read(), type=_Saved)
    except (
        FileNotFoundError,
        msgspec.MsgspecError,
    ):  # never kept, half written at a power cut, of another version: it is copied anew
        return None
    return saved.rows if saved.version == _VERSION else None


def write(build_folder: str, snapshot: str, rows: dict[str, Row]) -> None:
    """Keep the rows of the copy that made `snapshot`."""
    path = _path(build_folder, snapshot)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    durable.write(path, msgspec.msgpack.encode(_Saved(_VERSION, rows)), mode=0o600, sync=False)


def sweep(build_folder: str, snapshots: Collection[str]) -> None:
    """Forget the copies whose snapshot is none of these."""
    folder = os.path.join(build_folder, FOLDER)
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name not in snapshots:
            with contextlib.suppress(FileNotFoundError):  # another prune was there first
                os.unlink(os.path.join(folder, name))


def _path(build_folder: str, snapshot: str) -> str:
    return os.path.join(build_folder, FOLDER, snapshot)
