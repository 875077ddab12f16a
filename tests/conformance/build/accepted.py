"""What Cais does otherwise than the builder it is compared with, each with its reason. docs/dockerfile-support.md is made of this list
too; an entry that no longer differs fails."""

from __future__ import annotations

import msgspec


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A difference: the cases that show it, what differs there (paths, `config.NAME`, or `outcome`), in words, and why it stays."""

    cases: tuple[str, ...]
    differs: tuple[str, ...]
    words: str
    reason: str


ACCEPTED: tuple[Accepted, ...] = (
    Accepted(
        cases=("add-tar-devices", "add-tar-traversal"),
        differs=("outcome",),
        words="`ADD` refuses an archive with device nodes, or with names that lead out of it.",
        reason="What comes from outside is hostile until shown otherwise. A `RUN mknod` makes a device node that is wanted.",
    ),
    Accepted(
        cases=("add-tar-attributes", "copy-from-stage-attributes"),
        differs=("new/f", "new/file"),
        words="Extended attributes that begin with `user.` stay in the image.",
        reason="They are a file's content as much as its capabilities are. Docker has them in its store and drops them when the layer is written.",
    ),
    Accepted(
        cases=("add-git-submodule",),
        differs=("new/inner/.git",),
        words="`ADD` of a repository with submodules leaves no `.git` file in them.",
        reason="The file leads into a folder of the builder that the image does not have, and differs from build to build.",
    ),
    Accepted(
        cases=("config-target-number",),
        differs=("outcome",),
        words="`--target` takes the number of a stage too.",
        reason="Docker's classic builder does, and so `docker build` did for years; BuildKit does not.",
    ),
    Accepted(
        cases=("copy-chown-unknown-group", "copy-chown-unknown-user"),
        differs=("outcome",),
        words="`--chown` with a name that the image does not know fails.",
        reason="So says the Dockerfile reference. BuildKit takes root in silence.",
    ),
    Accepted(
        cases=("copy-exclude-file-source", "copy-exclude-star-source", "copy-exclude-variable"),
        differs=("new/a.txt", "new/b.txt"),
        words="`--exclude` leaves out a file that is itself a source, or matched by one.",
        reason="So says the Dockerfile reference, with this very example. BuildKit applies it to what is in folders only.",
    ),
    Accepted(
        cases=("copy-files-no-slash", "copy-files-to-existing-folder-no-slash"),
        differs=("outcome",),
        words="`COPY` of several sources to a destination without a slash fails.",
        reason="So says the Dockerfile reference. BuildKit writes one file over the other, and only the last is left.",
    ),
    Accepted(
        cases=("copy-link-in-path",),
        differs=("outcome",),
        words="`COPY` finds a folder behind a symbolic link of the context.",
        reason="A file behind a link is found by both. Docker's client does not send a folder there, so that it seems to be missing.",
    ),
    Accepted(
        cases=("copy-parents-chown",),
        differs=("new",),
        words="`--chmod` is for what is copied, not for the folders that are made on the way to it.",
        reason="Docker's engine does the same; BuildKit since 0.20 gives them the mode too, so that `--chmod=640` makes a folder nobody can enter.",
    ),
    Accepted(
        cases=("copy-parents-dot",),
        differs=("outcome",),
        words="`COPY --parents .` copies the whole context.",
        reason='BuildKit says that "/" is not there.',
    ),
    Accepted(
        cases=("copy-socket-of-context",),
        differs=("new/socket",),
        words="A socket in the context is left out.",
        reason="It has no content. Docker makes an empty file of it.",
    ),
    Accepted(
        cases=("run-mount-points", "run-no-path"),
        differs=("dev", "proc", "sys"),
        words="The folders that are mounted on during `RUN` are not left behind in an image that lacks them.",
        reason="They are no result of the command. A container gets them anyway.",
    ),
)
