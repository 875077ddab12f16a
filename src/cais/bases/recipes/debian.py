"""`debian:*-slim`: the packages of priority required, apt, and the settings of the official image's slim variant."""

from __future__ import annotations

from cais.bases.recipe import File, Folder, Method, Recipe
from cais.images.model import RunConfig

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What the slim variants leave out; licences stay.
SLIM = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/man/*",
)

# Nothing that lives shorter than its container gains from a sync after every file; dpkg's own journal stays.
_UNSAFE_IO = "force-unsafe-io"

# Names as in the official image, which Dockerfiles that keep a cache of packages remove by name.
_SETTINGS = (
    File(
        "/etc/apt/apt.conf.d/docker-clean",
        "// Package files are of no use in a layer: remove them after every installation.\n"
        'APT::Keep-Downloaded-Packages "false";\n'
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };\n'
        'Dir::Cache::pkgcache "";\n'
        'Dir::Cache::srcpkgcache "";\n',
    ),
    File(
        "/etc/apt/apt.conf.d/docker-no-languages", '// No translations of descriptions.\nAcquire::Languages "none";\n'
    ),
    File(
        "/etc/apt/apt.conf.d/docker-gzip-indexes",
        '// Keep lists as they come: smaller layers when a Dockerfile forgets to remove them.\nAcquire::GzipIndexes "true";\n',
    ),
    File(
        "/etc/apt/apt.conf.d/docker-autoremove-suggests",
        '// `apt-get autoremove` also takes what was only suggested.\nApt::AutoRemove::SuggestsImportant "false";\n',
    ),
    # Without this every package with a daemon would start it during the build of an image.
    File("/usr/sbin/policy-rc.d", "#!/bin/sh\n# No service is started by its installation.\nexit 101\n", 0o755),
    Folder("/run/lock", 0o1777),
)


def _recipe(codename: str, number: str, *, slim: bool) -> Recipe:
    suffix = "-slim" if slim else ""
    config_name, options = ("docker", SLIM) if slim else ("docker-apt-speedup", ())
    options = (*options, _UNSAFE_IO)
    return Recipe(
        name=f"debian-{codename}{suffix}",
        references=(f"debian:{codename}{suffix}", f"debian:{number}{suffix}"),
        suite=codename,
        method=Method.BOOTSTRAP,
        dpkg_options=options,
        before=(
            *_SETTINGS,
            File(f"/etc/dpkg/dpkg.cfg.d/{config_name}", "".join(f"{option}\n" for option in options)),
        ),
        config=RunConfig(env=(PATH,), cmd=("bash",)),
    )


def recipes() -> tuple[Recipe, ...]:
    """Debian 13 and 12, slim and whole."""
    return tuple(
        _recipe(codename, number, slim=slim)
        for codename, number in (("trixie", "13"), ("bookworm", "12"))
        for slim in (True, False)
    )
