"""`python:3.13-slim`: Debian's Python laid out as the official image lays out its own, under /usr/local.

Debian's interpreter finds its prefix by looking for its library above its real path. So the binary and the library move to /usr/local, with links
where they were; dpkg diversions and links keep upgrades going to the new places. Debian's policy that the system's Python is not installed into has no place
here, because it is the user's Python.
"""

from __future__ import annotations

from cais.bases.recipe import File, Part, Recipe, Shell, asset
from cais.bases.recipes import buildpack
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

# The suite's Python. trixie has one.
VERSION = "3.13"
_LIBRARY = f"/usr/local/lib/python{VERSION}"


def recipes() -> tuple[Recipe, ...]:
    """Python of trixie, slim and with what building extensions needs."""
    slim = _slim()
    whole = Recipe(
        name=f"python-{VERSION}",
        references=(f"python:{VERSION}", f"python:{VERSION}-trixie"),
        suite=slim.suite,
        parent=slim.name,
        packages=buildpack.BUILD,
        config=slim.config,
        versions=slim.versions,
        omits=(*slim.omits, *buildpack.OMITS),
    )
    return (slim, whole)


def _slim() -> Recipe:
    return Recipe(
        name=f"python-{VERSION}-slim",
        references=(
            f"python:{VERSION}-slim",
            f"python:{VERSION}-slim-trixie",
        ),
        suite="trixie",
        parent="debian-trixie-slim",
        packages=("python3", "python3-venv", "ca-certificates", "netbase", "tzdata"),
        # What compiling an extension needs besides a compiler. Debian's package of it would also bring the static library, 40 MB.
        parts=(Part((f"libpython{VERSION}-dev",), "/usr/include", "/usr/local/include"),),
        before=(
            File(
                "/etc/dpkg/dpkg.cfg.d/python",
                "# pip installs into this Python, which is the user's.\n"
                f"path-exclude=/usr/lib/python{VERSION}/EXTERNALLY-MANAGED\n"
                "# A crash reporter's hook, in the way of a sitecustomize the user may have.\n"
                f"path-exclude=/usr/lib/python{VERSION}/sitecustomize.py\n"
                f"path-exclude=/etc/python{VERSION}/sitecustomize.py\n",
            ),
        ),
        after=(
            Shell("lay out Python under /usr/local", asset("python/layout.sh")),
            Shell("install pip", asset("python/pip.sh")),
        ),
        config=RunConfig(
            env=(f"{PATH}", "LANG=C.UTF-8"),
            cmd=("python3",),
        ),
        versions=(("PYTHON_VERSION", f"python{VERSION}"),),
        omits=("idle and the test suite of the standard library", "the tkinter module (apt-get install python3-tk)"),
    )
