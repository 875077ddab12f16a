"""The page on Dockerfiles: `PYTHONPATH=src:. python scripts/dockerfile_support.py > docs/dockerfile-support.md`.

Made of the table below and of the differences that the side-by-side test accepts; tests compare (`tests/unit/test_papers.py`).
"""

from __future__ import annotations

import sys

from tests.conformance.build import corpus
from tests.conformance.build.accepted import ACCEPTED

HONOURED, REFUSED, IGNORED = "honoured", "refused", "no effect"

# What is written, what becomes of it, a remark.
ROWS: tuple[tuple[str, str, str], ...] = (
    ("# escape", HONOURED, ""),
    ("# syntax", IGNORED, "no front end is fetched; what is described here is read, whatever it names"),
    ("# check", HONOURED, ""),
    ("FROM", HONOURED, "an image, an earlier stage, `scratch`, a named context"),
    ("FROM --platform", HONOURED, "this machine's platform; another one is an error"),
    ("ARG", HONOURED, "with the predefined, the automatic and BuildKit's own arguments"),
    ("ENV", HONOURED, ""),
    ("LABEL", HONOURED, ""),
    ("RUN", HONOURED, "shell and exec form, here-documents"),
    ("RUN --mount", HONOURED, "bind, cache, tmpfs, secret (as file and variable) and ssh, with all their options"),
    ("RUN --network", HONOURED, "`host` needs `--allow network.host`"),
    ("RUN --security", HONOURED, "`insecure` needs `--allow security.insecure`"),
    ("RUN --device", REFUSED, "devices of the Container Device Interface are not handed in"),
    ("COPY", HONOURED, ""),
    ("COPY --from", HONOURED, "a stage, an image, a named context"),
    ("COPY --chown", HONOURED, ""),
    ("COPY --chmod", HONOURED, "octal and symbolic"),
    ("COPY --link", HONOURED, ""),
    ("COPY --parents", HONOURED, ""),
    ("COPY --exclude", HONOURED, ""),
    ("ADD", HONOURED, "files, archives (gzip, bzip2, xz, zstd), addresses, git repositories"),
    ("ADD --chown", HONOURED, ""),
    ("ADD --chmod", HONOURED, ""),
    ("ADD --link", HONOURED, ""),
    ("ADD --exclude", HONOURED, ""),
    ("ADD --checksum", HONOURED, "of a file the sha256, of a repository the commit or its beginning"),
    ("ADD --keep-git-dir", HONOURED, ""),
    ("ADD --unpack", HONOURED, ""),
    ("CMD", HONOURED, ""),
    ("ENTRYPOINT", HONOURED, ""),
    ("SHELL", HONOURED, ""),
    ("WORKDIR", HONOURED, "made for the user of the moment"),
    ("USER", HONOURED, ""),
    ("EXPOSE", HONOURED, ""),
    ("VOLUME", HONOURED, ""),
    ("STOPSIGNAL", HONOURED, ""),
    ("HEALTHCHECK", HONOURED, ""),
    ("HEALTHCHECK --interval", HONOURED, ""),
    ("HEALTHCHECK --timeout", HONOURED, ""),
    ("HEALTHCHECK --start-period", HONOURED, ""),
    ("HEALTHCHECK --start-interval", HONOURED, ""),
    ("HEALTHCHECK --retries", HONOURED, ""),
    ("ONBUILD", HONOURED, "also with stages of the build it is triggered in"),
    ("MAINTAINER", HONOURED, "deprecated: write a label"),
)

HEAD = """# Which parts of a Dockerfile Cais honours

Made by `scripts/dockerfile_support.py` (a test compares). What is meant is the Dockerfile reference, with everything that BuildKit adds to it.
"""


def document() -> str:
    """The page."""
    rows = [f"| `{name}` | {state} | {remark} |" for name, state, remark in ROWS]
    count = len(corpus.names())
    differences = [
        "## What comes out otherwise",
        "",
        f"{count} Dockerfiles (`tests/conformance/build/corpus`) are built by Cais and by Docker's engine, or by a newer BuildKit where that one is too old:",
        "the same files with type, mode, owner, content, links and attributes, the same image config, the same end. These differences stay:",
        "",
        *(f"- **{entry.words}** {entry.reason}" for entry in ACCEPTED),
        "",
        "Not compared are times and the words of the history: Cais dates everything with one instant, so that two builds give one image.",
    ]
    return "\n".join((HEAD, "| what | state | remark |", "|--|--|--|", *rows, "", *differences)) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
