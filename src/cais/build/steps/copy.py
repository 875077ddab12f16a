"""COPY and ADD: selected files, here-documents, downloads and unpacked archives into the root."""

from __future__ import annotations

import contextlib
import os

import msgspec

from cais.build.downloads import file_name
from cais.build.gitaddress import GitAddress
from cais.build.permissions import check_mode
from cais.build.place import Placement, make_folders, place
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
    placement = placement_of(session, step, root)
    if step.parents:
        make_folders(root, step.destination, placement.owner)  # also when a pattern matches nothing
    with session.tree(step.source, step.span) if step.sources else contextlib.nullcontext() as tree:
        for source in step.order:
            if isinstance(source, GitAddress):
                _add_repository(session, source, placement)
            elif source in step.addresses:
                _add_download(session, step, source, placement)
            else:
                assert tree is not None
                _add_local(session, step, tree, source, placement)
    if step.inline:
        _write_inline(session, step, placement)


def placement_of(session: Session, step: CopyStep, root: str) -> Placement:
    """Where in `root` the step puts its files, and how. Raises BuildError."""
    if step.chmod:
        check_mode(step.chmod, step.span)
    return Placement(
        root=root,
        destination=step.destination,
        span=step.span,
        epoch_s=session.epoch_s,
        owner=owner_of(root, step.chown, step.span),
        mode=step.chmod,
    )


def _add_local(session: Session, step: CopyStep, tree: Tree, source: str, placement: Placement) -> None:
    selection = msgspec.structs.replace(selection_of(step), sources=(source,))
    matches = select(tree, selection, step.span)
    if step.unpack:
        from cais.build.steps.unpack import unpack_archives

        matches = unpack_archives(session, tree, matches, placement)
    place(tree, matches, placement)


def _add_repository(session: Session, address: GitAddress, placement: Placement) -> None:
    commit = session.repositories.commit(address, placement.span)
    tree = Tree(session.repositories.files(address, commit, placement.span), is_context=True)
    place(tree, select(tree, Selection(sources=(".",)), placement.span), placement)


def _add_download(session: Session, step: CopyStep, address: str, placement: Placement) -> None:
    import shutil

    with session.scratch() as folder:
        download = session.downloads.fetch(address, step.checksum, step.span)
        path = os.path.join(folder, file_name(address))
        shutil.copyfile(session.downloads.path(download), path)
        os.chmod(path, _DOWNLOAD_MODE)
        os.utime(path, (download.modified_at, download.modified_at))
        _deliver(session, folder, placement, unpack=step.unpack_fetched)


def _deliver(session: Session, folder: str, placement: Placement, *, unpack: bool = False) -> None:
    """Put the one file in `folder` where the step says, unpacked if it is an archive and that was asked for."""
    tree = Tree(folder, is_context=True)
    found = tree.children("")[0]
    matches: tuple[Match, ...] = (Match(name=found.name, items=(Item("", found),)),)
    if unpack:
        from cais.build.steps.unpack import unpack_archives

        matches = unpack_archives(session, tree, matches, placement)
    place(tree, matches, placement)


def _write_inline(session: Session, step: CopyStep, placement: Placement) -> None:
    with session.scratch() as folder:
        for number, inline in enumerate(step.inline):
            holder = os.path.join(folder, str(number))
            os.mkdir(holder)
            path = os.path.join(holder, inline.name)
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(inline.content)
            os.chmod(path, _INLINE_MODE)
            _deliver(session, holder, placement)
