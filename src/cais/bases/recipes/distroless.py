"""`gcr.io/distroless/*-debian13`: packages unpacked without a package manager or a shell, each image a layer on the one before."""

from __future__ import annotations

from cais.bases.recipe import File, Folder, Link, Method, Operation, Program, Recipe
from cais.bases.recipes.debian import PATH
from cais.images.model import RunConfig

NONROOT = 65532
CERTIFICATES = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
_PASSWD = f"""\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:{NONROOT}:{NONROOT}:nonroot:/home/nonroot:/sbin/nologin
"""
_GROUP = f"""\
root:x:0:
nobody:x:65534:
tty:x:5:
staff:x:50:
nonroot:x:{NONROOT}:
"""
STATIC_FILES: tuple[Operation, ...] = (
    File("/etc/passwd", _PASSWD),
    File("/etc/group", _GROUP),
    File("/etc/nsswitch.conf", "hosts: files dns\n"),
    Folder("/root", 0o700),
    Folder("/home/nonroot", 0o700, (NONROOT, NONROOT)),
    Folder("/tmp", 0o1777),
)
PYTHON = "3.13"
INTERPRETER = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib")
_PYTHON_PACKAGES = (
    *INTERPRETER,
    *("libbz2-1.0", "libcrypt1", "libdb5.3t64", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libtinfo6"),
    *("libreadline8t64", "libsqlite3-0", "libuuid1"),
)
_COMPILE = ("-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash", f"/usr/lib/python{PYTHON}")
FINISH_PYTHON: tuple[Operation, ...] = (
    Link("/usr/bin/python3", f"python{PYTHON}"),
    Link("/usr/bin/python", f"python{PYTHON}"),
    # Nobody may write them later, and without them every start would compile the library anew.
    Program("compile the standard library", (f"/usr/bin/python{PYTHON}", *_COMPILE)),
)


def recipes() -> tuple[Recipe, ...]:
    """static, base, cc and python3, for root and for the user nonroot."""
    plain = (
        _recipe("static", "", ("base-files", "netbase", "tzdata", "media-types", "ca-certificates"), STATIC_FILES),
        _recipe("base", "static", ("libc6", "libssl3t64", "openssl-provider-legacy", "zlib1g", "libzstd1")),
        _recipe("cc", "base", ("gcc-14-base", "libgcc-s1", "libgomp1", "libstdc++6")),
        _recipe(
            "python3",
            "cc",
            _PYTHON_PACKAGES,
            FINISH_PYTHON,
            entrypoint=(f"/usr/bin/python{PYTHON}",),
        ),
    )
    return (*plain, *(_for_nonroot(recipe) for recipe in plain))


def _recipe(
    name: str,
    parent: str,
    packages: tuple[str, ...],
    after: tuple[Operation, ...] = (),
    entrypoint: tuple[str, ...] | None = None,
) -> Recipe:
    language = ("LANG=C.UTF-8",) if name == "python3" else ()
    return Recipe(
        name=f"distroless-{name}-debian13",
        references=(f"gcr.io/distroless/{name}-debian13:latest",),
        suite="trixie",
        method=Method.ASSEMBLE,
        parent=f"distroless-{parent}-debian13" if parent else "",
        packages=packages,
        after=after,
        config=RunConfig(user="0", env=(PATH, CERTIFICATES, *language), entrypoint=entrypoint, working_dir="/"),
    )


def _for_nonroot(recipe: Recipe) -> Recipe:
    reference = recipe.references[0].replace(":latest", ":nonroot")
    config = recipe.config
    return Recipe(
        name=f"{recipe.name}-nonroot",
        references=(reference,),
        suite=recipe.suite,
        method=Method.ASSEMBLE,
        parent=recipe.name,
        config=RunConfig(user=str(NONROOT), env=config.env, entrypoint=config.entrypoint, working_dir="/home/nonroot"),
    )
