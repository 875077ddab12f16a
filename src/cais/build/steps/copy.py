"""COPY and ADD: selected files, here-documents, downloads and unpacked archives into the root."""

from __future__ import annotations

import os

from cais.build.permissions import check_mode
from cais.build.place import Placement, place
from cais.build.select import Selection, select
from cais.build.session import Session
from cais.build.steps.model import CopyStep
from cais.build.steps.owner import owner_of
from cais.build.tree import Tree

_INLINE_MODE = 0o644


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


def _write_inline(session: Session, step: CopyStep, placement: Placement) -> None:
    with session.scratch() as folder:
        for number, inline in enumerate(step.inline):
            holder = os.path.join(folder, str(number))
            os.mkdir(holder)
            path = os.path.join(holder, inline.name)
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(inline.content)
            os.chmod(path, _INLINE_MODE)
            tree = Tree(holder, is_context=True)
            place(tree, select(tree, Selection(sources=(inline.name,)), step.span), placement)
