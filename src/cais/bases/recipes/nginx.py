"""`nginx:1.26`: Debian's nginx arranged as the official image, with its start-up scripts."""

from __future__ import annotations

from cais.bases.recipe import File, Folder, Recipe, Shell, asset
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

_START_SCRIPTS = (
    "10-listen-on-ipv6-by-default.sh",
    "15-local-resolvers.envsh",
    "20-envsubst-on-templates.sh",
    "30-tune-worker-processes.sh",
)
_USER = (
    "groupadd --system --gid 101 nginx\n"
    "useradd --system --gid nginx --uid 101 --no-create-home --home-dir /nonexistent --comment 'nginx user' --shell /bin/false nginx\n"
)


def recipe() -> Recipe:
    """nginx of trixie on its slim Debian."""
    return Recipe(
        name="nginx-1.26",
        references=("nginx:1.26", "nginx:1.26-trixie"),
        suite="trixie",
        parent="debian-trixie-slim",
        packages=("nginx", "gettext-base", "curl", "ca-certificates"),
        before=(Shell("add user nginx", _USER),),
        after=(
            Shell("arrange nginx as the official image", asset("nginx/layout.sh")),
            *_files(),
            Shell(
                "remember the default site",
                "cd / && sha256sum etc/nginx/conf.d/default.conf >/usr/share/nginx/default.conf.sha256",
            ),
        ),
        config=RunConfig(
            env=(PATH,),
            entrypoint=("/docker-entrypoint.sh",),
            cmd=("nginx", "-g", "daemon off;"),
            exposed_ports={"80/tcp": {}},
            stop_signal="SIGQUIT",
        ),
        versions=(("NGINX_VERSION", "nginx"),),
        omits=(
            "the njs, geoip, image_filter and xslt modules",
            "stream and mail compiled in (apt-get install libnginx-mod-stream, libnginx-mod-mail)",
            "nginx-debug",
        ),
    )


def _files() -> tuple[File | Folder, ...]:
    return (
        File("/docker-entrypoint.sh", asset("nginx/docker-entrypoint.sh"), 0o755),
        *(File(f"/docker-entrypoint.d/{name}", asset(f"nginx/{name}"), 0o755) for name in _START_SCRIPTS),
        File("/etc/nginx/nginx.conf", asset("nginx/nginx.conf")),
        File("/etc/nginx/conf.d/default.conf", asset("nginx/default.conf")),
        File("/usr/share/nginx/html/index.html", asset("nginx/index.html")),
        File("/usr/share/nginx/html/50x.html", asset("nginx/50x.html")),
    )
