"""`node:20-slim`: Debian's Node.js and npm."""

from __future__ import annotations

from cais.bases.recipe import File, Link, Recipe, Shell, asset
from cais.bases.recipes import buildpack
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

_USER = "groupadd --gid 1000 node\nuseradd --uid 1000 --gid node --shell /bin/bash --create-home node\n"


def recipes() -> tuple[Recipe, ...]:
    """Node.js of trixie, slim and with what building native modules needs."""
    slim = _slim()
    whole = Recipe(
        name="node-20",
        references=("node:20", "node:20-trixie"),
        suite=slim.suite,
        parent=slim.name,
        packages=(*buildpack.BUILD, "python3"),
        config=slim.config,
        versions=slim.versions,
        omits=(*slim.omits, *buildpack.OMITS),
    )
    return (slim, whole)


def _slim() -> Recipe:
    programs = ("node", "npm", "npx")
    return Recipe(
        name="node-20-slim",
        references=("node:20-slim", "node:20-trixie-slim"),
        suite="trixie",
        parent="debian-trixie-slim",
        packages=("nodejs", "npm", "ca-certificates"),
        before=(Shell("add user node", _USER),),
        after=(
            *(Link(f"/usr/local/bin/{name}", f"/usr/bin/{name}") for name in programs),
            Link("/usr/local/bin/nodejs", "/usr/local/bin/node"),
            # npm install -g goes where it goes in the official image.
            File("/etc/npmrc", "prefix=/usr/local\n"),
            File("/usr/local/bin/docker-entrypoint.sh", asset("node/docker-entrypoint.sh"), 0o755),
        ),
        config=RunConfig(env=(PATH,), entrypoint=("docker-entrypoint.sh",), cmd=("node",)),
        versions=(("NODE_VERSION", "nodejs"),),
        omits=("yarn", "corepack"),
    )
