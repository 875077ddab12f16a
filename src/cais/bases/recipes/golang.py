"""`golang:1.24`: Debian's Go under the official image's paths, with the C compiler and the tools that fetching modules needs."""

from __future__ import annotations

from cais.bases.recipe import Folder, Link, Recipe
from cais.bases.recipes import buildpack
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

VERSION = "1.24"


def recipe() -> Recipe:
    """Go of trixie on its slim Debian."""
    folders = PATH.removeprefix("PATH=")
    return Recipe(
        name=f"golang-{VERSION}",
        references=(f"golang:{VERSION}", f"golang:{VERSION}-trixie"),
        suite="trixie",
        parent="debian-trixie-slim",
        packages=(
            *(f"golang-{VERSION}-go", "gcc", "g++", "libc6-dev", "make", "pkgconf"),
            *buildpack.SOURCE_CONTROL,
        ),
        after=(
            Link("/usr/local/go", f"/usr/lib/go-{VERSION}"),
            Folder("/go", 0o1777),
            Folder("/go/src", 0o1777),
            Folder("/go/bin", 0o1777),
        ),
        config=RunConfig(
            env=(f"PATH=/go/bin:/usr/local/go/bin:{folders}", "GOTOOLCHAIN=local", "GOPATH=/go"),
            cmd=("bash",),
            working_dir="/go",
        ),
        versions=(("GOLANG_VERSION", f"golang-{VERSION}-go"),),
        omits=("mercurial, subversion",),
    )
