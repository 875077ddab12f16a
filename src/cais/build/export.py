"""The files of an image into a folder of this machine."""

from __future__ import annotations

import os

from cais.build.place import Owner, Placement, place
from cais.build.select import Selection, select
from cais.build.tree import Tree
from cais.errors import Span


def copy_files(root: str, folder: str, uid: int, gid: int) -> None:
    """Copy all that is in `root` into `folder`, which is made if it is not there, in the name of `uid` and `gid`.

    What is there already stays, unless the image has something of its name. Raises BuildError.
    """
    os.makedirs(folder, exist_ok=True)
    tree = Tree(root)
    matches = select(tree, Selection(sources=(".",)), Span(folder, 1))
    place(
        tree,
        matches,
        Placement(root=folder, destination="/", span=Span(folder, 1), epoch_s=0, owner=Owner(uid, gid), replace=True),
    )
