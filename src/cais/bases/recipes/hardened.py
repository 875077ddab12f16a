"""`dhi.io/python:3.13-debian13`: Python and the few libraries it loads, in one layer. No shell, no package manager, nothing of a terminal, not root."""

from __future__ import annotations

from cais.bases.recipe import Method, Recipe
from cais.bases.recipes import distroless
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

_SYSTEM = ("base-files", "netbase", "tzdata", "ca-certificates")
# gcc's libraries are for extension modules: wheels are linked to them and do not bring them along.
_LIBRARIES = ("libc6", "gcc-14-base", "libgcc-s1", "libstdc++6", "libssl3t64", "zlib1g", "libzstd1")
_FOR_MODULES = ("libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libsqlite3-0", "libuuid1")


def recipe() -> Recipe:
    """Python of trixie. Fewer packages than distroless: each one is something that can have a vulnerability."""
    return Recipe(
        name=f"hardened-python-{distroless.PYTHON}",
        references=(f"dhi.io/python:{distroless.PYTHON}-debian13", f"dhi.io/python:{distroless.PYTHON}"),
        suite="trixie",
        method=Method.ASSEMBLE,
        packages=(*_SYSTEM, *_LIBRARIES, *distroless.INTERPRETER, *_FOR_MODULES),
        after=(*distroless.STATIC_FILES, *distroless.FINISH_PYTHON),
        config=RunConfig(
            user=str(distroless.NONROOT),
            env=(PATH, distroless.CERTIFICATES, "LANG=C.UTF-8"),
            cmd=("python3",),
            working_dir="/",
        ),
        versions=(("PYTHON_VERSION", f"python{distroless.PYTHON}-minimal"),),
        omits=(
            "the folder /opt/python (Python is in /usr)",
            "the modules readline, curses and dbm (nothing of a terminal, no Berkeley DB)",
            "OpenSSL's legacy algorithms",
        ),
    )
