#!/usr/bin/env python3
"""Builds the backend's image in its three variants and prints size, packages and build time as the table of README.md.

    sudo ./variants.py

Needs `cais` in PATH. The base images are made (or pulled) first: what is timed is the build of the image alone, from nothing, without any cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

VARIANTS = {
    "slim": "python:3.13-slim",
    "distroless": "gcr.io/distroless/python3-debian13:nonroot",
    "hardened": "dhi.io/python:3.13-debian13",
}
HERE = Path(__file__).parent


def main() -> None:
    print("| variante | base | tamanho | pacotes Debian | pacotes Python | construção |")
    print("|--|--|--|--|--|--|")
    for variant, base in VARIANTS.items():
        build(variant)  # so that the base is there
        seconds = build(variant, "--no-cache")
        image = inspect()
        debian, python = packages(image)
        size = f"{image['Size'] / 1e6:.0f} MB"
        print(f"| `{variant}` | `{base}` | {size} | {debian} | {python} | {seconds:.1f} s |", flush=True)
    cais("image", "rm", "visitors-variants-backend")


def build(variant: str, *options: str) -> float:
    """Build it; how many seconds that took."""
    began = time.monotonic()
    cais("-f", "compose.yaml", "build", "--quiet", *options, "backend", BACKEND_VARIANT=variant)
    return time.monotonic() - began


def inspect() -> dict:
    return json.loads(cais("image", "inspect", "visitors-variants-backend"))[0]


def packages(image: dict) -> tuple[int, int]:
    """How many packages of Debian and of Python are in the image, counted where scanners look for them."""
    debian, python = set(), set()
    for layer in map(Path, image["Snapshots"]):
        for database in (layer / "var/lib/dpkg/status", *layer.glob("var/lib/dpkg/status.d/*")):
            if database.is_file():
                lines = database.read_text(errors="replace").splitlines()
                debian |= {line for line in lines if line.startswith("Package: ")}
        for folder in ("opt/packages", "usr/local/lib/python3.13/site-packages"):
            python |= {found.name for found in layer.glob(f"{folder}/*.dist-info")}
    return len(debian), len(python)


def cais(*argv: str, **env: str) -> str:
    """What it prints; its errors go to the terminal, and end this."""
    settings = {"COMPOSE_PROJECT_NAME": "visitors-variants", "POSTGRES_USER": "x", "POSTGRES_PASSWORD": "x", **env}
    done = subprocess.run(["cais", *argv], cwd=HERE, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    main()
