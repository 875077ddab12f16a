"""`redis:8`: Debian's Redis with an entry point that drops to its user."""

from __future__ import annotations

from cais.bases.recipe import File, Recipe, Shell, asset
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

_USER = "groupadd --system --gid 999 redis\nuseradd --system --gid redis --uid 999 --home-dir /data --shell /usr/sbin/nologin redis\n"


def recipe() -> Recipe:
    """Redis of trixie on its slim Debian."""
    return Recipe(
        name="redis-8",
        references=("redis:8", "redis:8-trixie", "redis:8.0", "redis:8.0-trixie"),
        suite="trixie",
        parent="debian-trixie-slim",
        packages=("redis-server", "redis-tools"),
        before=(Shell("add user redis", _USER),),
        after=(
            Shell("arrange Redis as the official image", asset("redis/layout.sh")),
            File("/usr/local/bin/docker-entrypoint.sh", asset("redis/docker-entrypoint.sh"), 0o755),
        ),
        config=RunConfig(
            env=(PATH,),
            entrypoint=("docker-entrypoint.sh",),
            cmd=("redis-server",),
            exposed_ports={"6379/tcp": {}},
            volumes={"/data": {}},
            working_dir="/data",
        ),
        versions=(("REDIS_VERSION", "redis-server"),),
        omits=("the modules for search, JSON, time series and probabilistic data",),
    )
