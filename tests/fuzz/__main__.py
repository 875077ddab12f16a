"""`python -m tests.fuzz TARGET [libFuzzer options]`: atheris on one of the targets, from good input on. Ends with 77 when something breaks."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cais"]):
    from tests.fuzz.targets import TARGETS, seeds


def main() -> None:
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds(name)):
            (Path(corpus) / str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
