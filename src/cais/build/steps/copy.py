"""COPY and ADD: selected files, here-documents, downloads and unpacked archives into the root."""

from __future__ import annotations

import os

from cais.build.downloads import file_name
from cais.build.permissions import check_mode
from cais.build.place import Placement, place
from cais.build.select import Item, Match, Selection, select
from cais.build.session import Session
from cais.build.steps.model import CopyStep
from cais.build.steps.owner import owner_of
from cais.build.tree import Tree

_INLINE_MODE = 0o644
_DOWNLOAD_MODE = 0o600  # as Docker


def selection_of(step: CopyStep) -> Selection:
    """What the step takes of its source."""
    return Selection(sources=step.sources, exclude=step.exclude, parents=step.parents)


def copy(session: Session, step: CopyStep, root: str) -> None:
    """Do the step in `root`. Raises BuildError, placed at the step."""
    if step.chmod:
        check_mode(step.chmod, step.span)
    placement = Placement(
        root=root,
        destination=step.destination,
        span=step.span,
        epoch_s=session.epoch_s,
        owner=owner_of(root, step.chown, step.span),
        mode=step.chmod,
    )
    if step.sources:
        with session.tree(step.source, step.span) as tree:
            matches = select(tree, selection_of(step), step.span)
            if step.unpack:
                from cais.build.steps.unpack import unpack_archives

                matches = unpack_archives(session, tree, matches, placement)
            place(tree, matches, placement)
    if step.inline:
        _write_inline(session, step, placement)
    if step.addresses:
        _add_downloads(session, step, placement)


def _add_downloads(session: Session, step: CopyStep, placement: Placement) -> None:
    import shutil

    with session.scratch() as folder:
        for number, address in enumerate(step.addresses):
            download = session.downloads.fetch(address, step.checksum, step.span)
            holder = os.path.join(folder, str(number))
            os.mkdir(holder)
            path = os.path.join(holder, file_name(address))
            shutil.copyfile(session.downloads.path(download), path)
            os.chmod(path, _DOWNLOAD_MODE)
            os.utime(path, (download.modified_at, download.modified_at))
            _place_all(holder, placement)


def _place_all(folder: str, placement: Placement) -> None:
    """Put the one file in `folder` where the step says."""
    tree = Tree(folder, is_context=True)
    found = tree.children("")[0]
    place(tree, (Match(name=found.name, items=(Item("", found),)),), placement)


def _write_inline(session: Session, step: CopyStep, placement: Placement) -> None:
    with session.scratch() as folder:
        for number, inline in enumerate(step.inline):
            holder = os.path.join(folder, str(number))
            os.mkdir(holder)
            path = os.path.join(holder, inline.name)
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(inline.content)
            os.chmod(path, _INLINE_MODE)
            _place_all(holder, placement)
