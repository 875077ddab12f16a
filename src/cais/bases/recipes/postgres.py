"""`postgres:17`: Debian's PostgreSQL with an entry point that makes the cluster on first start."""

from __future__ import annotations

from cais.bases.recipe import File, Recipe, Shell, asset
from cais.images.model import RunConfig

# Just-in-time compilation is an optimisation of long queries that costs 160 MB of LLVM. The server looks for llvmjit.so and does without it when absent.
_WITHOUT_JIT = "".join(
    f"path-exclude={pattern}\n"
    for pattern in (
        "/usr/lib/llvm-*/*",
        "/usr/lib/*/libLLVM*",
        "/usr/lib/*/libz3.so*",
        "/usr/lib/postgresql/17/lib/llvmjit*",
        "/usr/lib/postgresql/17/lib/bitcode/*",
    )
)

# The official image has PostgreSQL's folder last. First, it spares every psql and pg_isready Debian's wrapper, which is 50 ms of Perl.
_PATH = "PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def recipe() -> Recipe:
    """PostgreSQL of trixie on its slim Debian."""
    return Recipe(
        name="postgres-17",
        references=("postgres:17", "postgres:17-trixie"),
        suite="trixie",
        parent="debian-trixie-slim",
        packages=("postgresql-17", "locales", "gosu", "libnss-wrapper", "xz-utils", "zstd"),
        before=(
            Shell("add user postgres", asset("postgres/user.sh")),
            File("/etc/dpkg/dpkg.cfg.d/postgres", _WITHOUT_JIT),
            File(
                "/etc/postgresql-common/createcluster.conf",
                "# The entry point makes the cluster, where PGDATA says.\ncreate_main_cluster = false\n",
            ),
        ),
        after=(
            File("/usr/local/bin/docker-entrypoint.sh", asset("postgres/docker-entrypoint.sh"), 0o755),
            Shell("arrange PostgreSQL as the official image", asset("postgres/layout.sh")),
        ),
        config=RunConfig(
            env=(_PATH, "LANG=en_US.utf8", "PG_MAJOR=17", "PGDATA=/var/lib/postgresql/data"),
            entrypoint=("docker-entrypoint.sh",),
            cmd=("postgres",),
            exposed_ports={"5432/tcp": {}},
            volumes={"/var/lib/postgresql/data": {}},
            stop_signal="SIGINT",
        ),
        versions=(("PG_VERSION", "postgresql-17"), ("GOSU_VERSION", "gosu")),
        omits=("just-in-time compilation (LLVM)", "messages in other languages than English"),
    )
