"""What "equivalent to the official image" means, recipe by recipe, as checks that run against a made image.

The promises are those that users of the official images rely on by their documentation: names, paths, users, variables, signals.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence

import msgspec

from cais.images.model import RunConfig
from cais.linux.rootpath import host_path


class Has(msgspec.Struct, frozen=True):
    """A path exists, following links; with an owner and permission bits where these matter."""

    path: str
    owner: tuple[int, int] | None = None
    mode: int | None = None


class Lacks(msgspec.Struct, frozen=True):
    """A path does not exist."""

    path: str


class Prints(msgspec.Struct, frozen=True):
    """A shell script, with the image's environment, succeeds and prints something that matches."""

    script: str
    pattern: str
    user: str = ""

    @property
    def argv(self) -> tuple[str, ...]:
        """What is run."""
        return ("/bin/sh", "-c", self.script)


class Python(msgspec.Struct, frozen=True):
    """A line of Python, in an image without a shell, prints something that matches."""

    script: str
    pattern: str

    @property
    def argv(self) -> tuple[str, ...]:
        """What is run."""
        return ("/usr/bin/python3", "-c", f"import os, ssl, sys; {self.script}")


class Configures(msgspec.Struct, frozen=True):
    """A field of the image config has a value."""

    field: str
    value: object


class Sets(msgspec.Struct, frozen=True):
    """The image sets an environment variable to something that matches."""

    variable: str
    pattern: str


Check = Has | Lacks | Prints | Python | Configures | Sets
Run = Callable[[Sequence[str], str], tuple[int, str]]
"""Runs (argv, user) in the image with its environment; exit code and output."""

DEBIAN: tuple[Check, ...] = (
    Prints("cat /etc/os-release", "ID=debian"),
    Prints("dpkg --audit; apt-get check 2>&1", ""),
    Prints("bash -c 'echo ok'", "ok"),
    Prints("grep -h URIs: /etc/apt/sources.list.d/debian.sources", "URIs: "),
    Has("/usr/sbin/policy-rc.d", mode=0o755),
    Has("/etc/apt/apt.conf.d/docker-clean"),
    Has("/tmp", (0, 0), 0o1777),
    Has("/var/lib/apt/lists"),
    Prints("ls /var/lib/apt/lists /var/cache/apt /var/log/apt /tmp | grep -v : | grep . || echo clean", "clean"),
    Lacks("/etc/machine-id"),
    Lacks("/etc/hostname"),
    Lacks("/etc/resolv.conf"),
    Configures("cmd", ("bash",)),
    Sets("PATH", "^/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin$"),
)

PYTHON: tuple[Check, ...] = (
    Prints("python --version; python3 --version; python3.13 --version", r"^(Python 3\.13\.\d+\s*){3}$"),
    Prints(
        "which python python3 pip pip3",
        "^/usr/local/bin/python\n/usr/local/bin/python3\n/usr/local/bin/pip\n/usr/local/bin/pip3$",
    ),
    Prints(
        "python -c 'import site; print(site.getsitepackages())'", r"^\['/usr/local/lib/python3\.13/site-packages'\]$"
    ),
    Prints("python -c 'import pip; print(pip.__file__)'", "^/usr/local/lib/python3.13/site-packages/pip/__init__.py$"),
    Prints(
        "ls $(python -c 'import sysconfig; print(sysconfig.get_path(\"include\"))')/Python.h",
        "^/usr/local/include/python3.13/Python.h$",
    ),
    Prints(
        "python -c 'import sysconfig; print(sysconfig.get_config_h_filename())' | xargs ls",
        "/usr/local/include/.*pyconfig.h",
    ),
    Lacks("/usr/lib/python3.13/EXTERNALLY-MANAGED"),
    Prints("pip --version", r"from /usr/local/lib/python3\.13/site-packages/pip \(python 3\.13\)"),
    Prints("python -c 'import sys; print(sys.prefix, sys.base_prefix)'", "^/usr/local /usr/local$"),
    Prints(
        'python -c \'import sysconfig as s; print(s.get_path("purelib"), s.get_path("scripts"))\'',
        r"^/usr/local/lib/python3\.13/site-packages /usr/local/bin$",
    ),
    Prints(
        "python -c 'import ssl, sqlite3, ctypes, lzma, bz2, readline, zoneinfo, venv, ensurepip; print(ssl.OPENSSL_VERSION)'",
        "OpenSSL 3",
    ),
    Prints("python -c 'import ssl; print(len(ssl.create_default_context().get_ca_certs()))'", r"^\d{2,}$"),
    Prints("python -c 'import zoneinfo; print(zoneinfo.ZoneInfo(\"Europe/Lisbon\"))'", "Europe/Lisbon"),
    Prints(
        "pip install --no-index --no-deps /usr/share/python-wheels/setuptools-*.whl 2>&1 && python -c 'import setuptools; print(setuptools.__file__)'",
        r"/usr/local/lib/python3\.13/site-packages/setuptools",
    ),
    Prints(
        "python -m venv /tmp/v && /tmp/v/bin/pip --version && /tmp/v/bin/python -c 'import sys; print(sys.prefix)'",
        r"/tmp/v/lib/python3\.13/site-packages/pip",
    ),
    Prints(
        "pip install --quiet --no-index --no-deps --ignore-installed --prefix /tmp/p /usr/share/python-wheels/setuptools-*.whl 2>&1; ls -d /tmp/p/lib/python3.13/site-packages/setuptools",
        "setuptools",
    ),
    Prints("/usr/bin/python3 -c 'import sys; print(sys.prefix)'", "^/usr/local$"),
    Prints(
        "cd /tmp && pip install --quiet --user --no-index --no-deps /usr/share/python-wheels/setuptools-*.whl 2>&1; ls -d $HOME/.local/lib/python3.13/site-packages/setuptools",
        "setuptools",
    ),
    Configures("cmd", ("python3",)),
    Configures("entrypoint", None),
    Sets("LANG", r"^C\.UTF-8$"),
    Sets("PYTHON_VERSION", r"^3\.13\.\d+$"),
)

PYTHON_WHOLE: tuple[Check, ...] = (
    *PYTHON,
    Prints("which gcc g++ make git curl wget pkg-config", "/usr/bin/gcc"),
    Prints(
        "cd /tmp && printf '#include <Python.h>\\n#include <libpq-fe.h>\\nint version(void) { return PY_MAJOR_VERSION; }\\n' >v.c"
        " && gcc -shared -fPIC -I/usr/local/include/python3.13 $(pkg-config --cflags libpq) -o v.so v.c"
        " && python -c 'import ctypes; print(ctypes.CDLL(\"/tmp/v.so\").version())'",
        "^3$",
    ),
)

NGINX: tuple[Check, ...] = (
    Prints("nginx -v 2>&1", r"nginx/1\.26"),
    Prints("nginx -t 2>&1", "test is successful"),
    Prints("nginx -T 2>/dev/null", r"listen +80;"),
    Prints("id nginx", r"uid=101\(nginx\) gid=101\(nginx\)"),
    Prints("which envsubst curl", "/usr/bin/envsubst\n/usr/bin/curl"),
    Prints("readlink /var/log/nginx/access.log /var/log/nginx/error.log", "^/dev/stdout\n/dev/stderr$"),
    Has("/docker-entrypoint.sh", (0, 0), 0o755),
    Has("/docker-entrypoint.d/20-envsubst-on-templates.sh", mode=0o755),
    Has("/etc/nginx/conf.d/default.conf"),
    Has("/etc/nginx/mime.types"),
    Has("/etc/nginx/fastcgi_params"),
    Has("/etc/nginx/uwsgi_params"),
    Has("/usr/share/nginx/html/index.html"),
    Has("/usr/share/nginx/html/50x.html"),
    Has("/var/cache/nginx", (101, 101)),
    Configures("entrypoint", ("/docker-entrypoint.sh",)),
    Configures("cmd", ("nginx", "-g", "daemon off;")),
    Configures("exposed_ports", {"80/tcp": {}}),
    Configures("stop_signal", "SIGQUIT"),
    Configures("user", ""),
    Sets("NGINX_VERSION", r"^1\.26\.\d+$"),
)

POSTGRES: tuple[Check, ...] = (
    # First: the entry point, run below, narrows both.
    Has("/var/lib/postgresql/data", (999, 999), 0o1777),
    Has("/var/run/postgresql", (999, 999), 0o3777),
    Prints("postgres --version", r"PostgreSQL\) 17\."),
    Prints("which psql pg_isready initdb pg_dump gosu", "psql"),
    Prints("id postgres", r"uid=999\(postgres\) gid=999\(postgres\)"),
    Prints("gosu postgres id -un", "^postgres$"),
    Prints("locale -a", r"en_US\.utf8"),
    Prints("docker-entrypoint.sh postgres --version", r"PostgreSQL\) 17\."),
    Prints("! docker-entrypoint.sh postgres 2>&1", "POSTGRES_PASSWORD", user="postgres"),
    Prints("ls /var/lib/postgresql/data | wc -l", "^0$"),
    Prints("find /etc/ssl/private -type f | wc -l", "^0$"),
    Has("/docker-entrypoint-initdb.d"),
    Has("/usr/local/bin/docker-entrypoint.sh", mode=0o755),
    Configures("entrypoint", ("docker-entrypoint.sh",)),
    Configures("cmd", ("postgres",)),
    Configures("exposed_ports", {"5432/tcp": {}}),
    Configures("volumes", {"/var/lib/postgresql/data": {}}),
    Configures("stop_signal", "SIGINT"),
    Configures("user", ""),
    Sets("PGDATA", "^/var/lib/postgresql/data$"),
    Sets("PG_MAJOR", "^17$"),
    Sets("PG_VERSION", r"^17\."),
    Sets("LANG", r"^en_US\.utf8$"),
)

REDIS: tuple[Check, ...] = (
    Prints("redis-server --version", r"v=8\.0"),
    Prints("docker-entrypoint.sh id -un", "^root$"),
    Prints(
        "cd /data && (docker-entrypoint.sh redis-server --port 7001 & sleep 1; redis-cli -p 7001 set a b; redis-cli -p 7001 shutdown; wait)",
        "OK",
    ),
    Prints("ls -A /data; stat -c %U /data/dump.rdb", "dump.rdb\nredis"),
    Prints(
        "cd /data && (docker-entrypoint.sh --port 7002 & sleep 1; redis-cli -p 7002 config get protected-mode; redis-cli -p 7002 shutdown)",
        "protected-mode\nno",
    ),
    Prints("id redis", r"uid=999\(redis\) gid=999\(redis\)"),
    Has("/data", (999, 999)),
    Configures("entrypoint", ("docker-entrypoint.sh",)),
    Configures("cmd", ("redis-server",)),
    Configures("exposed_ports", {"6379/tcp": {}}),
    Configures("volumes", {"/data": {}}),
    Configures("working_dir", "/data"),
    Sets("REDIS_VERSION", r"^8\.0\."),
)

GOLANG: tuple[Check, ...] = (
    Prints("go version", r"go1\.24"),
    Prints("go env GOROOT GOPATH GOTOOLCHAIN", "^/usr/(local/go|lib/go-1.24)\n/go\nlocal$"),
    Prints("which go gofmt gcc g++ make git curl", "^/usr/local/go/bin/go\n/usr/local/go/bin/gofmt\n"),
    Prints(
        "mkdir /tmp/m && cd /tmp/m && go mod init m 2>&1 && printf 'package main\\nimport \"C\"\\nfunc main() { println(42) }\\n' >m.go && go build -o m . && ./m 2>&1",
        "42$",
    ),
    Has("/go/src", mode=0o1777),
    Has("/go/bin", mode=0o1777),
    Configures("cmd", ("bash",)),
    Configures("working_dir", "/go"),
    Sets("PATH", "^/go/bin:/usr/local/go/bin:"),
    Sets("GOLANG_VERSION", r"^1\.24"),
)

NODE: tuple[Check, ...] = (
    Prints("which node npm npx", "^/usr/local/bin/node\n/usr/local/bin/npm\n/usr/local/bin/npx$"),
    Prints("node --version", r"^v20\."),
    Prints("npm --version", r"^\d+\."),
    Prints("npm prefix -g", "^/usr/local$"),
    Prints("docker-entrypoint.sh -p 6*7", "^42$"),
    Prints("id node", r"uid=1000\(node\) gid=1000\(node\)"),
    Has("/home/node", (1000, 1000)),
    Configures("entrypoint", ("docker-entrypoint.sh",)),
    Configures("cmd", ("node",)),
    Sets("NODE_VERSION", r"^20\."),
)

_DISTROLESS: tuple[Check, ...] = (
    Lacks("/usr/bin/sh"),
    Lacks("/usr/bin/apt"),
    Lacks("/usr/bin/dpkg"),
    Lacks("/usr/bin/perl"),
    Has("/etc/os-release"),
    Has("/etc/passwd"),
    Has("/etc/ssl/certs/ca-certificates.crt"),
    Has("/usr/share/zoneinfo/Europe/Lisbon"),
    Has("/home/nonroot", (65532, 65532), 0o700),
    Has("/tmp", mode=0o1777),
    Has("/var/lib/dpkg/status.d/tzdata"),
    Sets("SSL_CERT_FILE", "^/etc/ssl/certs/ca-certificates.crt$"),
)

DISTROLESS_STATIC: tuple[Check, ...] = (
    *_DISTROLESS,
    Lacks("/usr/lib/x86_64-linux-gnu/libc.so.6"),
    Configures("entrypoint", None),
    Configures("user", "65532"),
    Configures("working_dir", "/home/nonroot"),
)

DISTROLESS_PYTHON: tuple[Check, ...] = (
    *_DISTROLESS,
    Python(
        "import ssl, sqlite3, ctypes, lzma, bz2, readline, zoneinfo, uuid, curses, zlib; print(sys.version)",
        r"^3\.13\.",
    ),
    Python("print(len(ssl.create_default_context().get_ca_certs()))", r"^\d{2,}$"),
    Python("import json; print(json.__cached__, os.path.exists(json.__cached__))", "True$"),
    Configures("entrypoint", ("/usr/bin/python3.13",)),
    Configures("user", "0"),
)

HARDENED_PYTHON: tuple[Check, ...] = (
    *_DISTROLESS,
    *(Lacks(f"/usr/bin/{name}") for name in ("bash", "dash", "busybox", "apt-get", "pip", "pip3", "openssl", "ldd")),
    Lacks("/usr/lib/python3/dist-packages/pip"),
    Has("/var/lib/dpkg/status.d/python3.13-minimal"),
    Python("import sqlite3, ctypes, lzma, bz2, zoneinfo, uuid, zlib, socket, decimal; print(sys.version)", r"^3\.13\."),
    Python("print(len(ssl.create_default_context().get_ca_certs()))", r"^\d{2,}$"),
    Python("import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Lisbon'))", "Europe/Lisbon"),
    Python("import json; print(json.__cached__, os.path.exists(json.__cached__))", "True$"),
    Python(
        "print([n for f, _, ns in os.walk('/usr') for n in ns if os.lstat(f'{f}/{n}').st_mode & 0o6000])", r"^\[\]$"
    ),
    Configures("user", "65532"),
    Configures("entrypoint", None),
    Configures("cmd", ("python3",)),
    Sets("PYTHON_VERSION", r"^3\.13\.\d+$"),
)

CONTRACTS: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("debian-trixie-slim", DEBIAN),
    ("debian-trixie", DEBIAN),
    ("debian-bookworm-slim", DEBIAN),
    ("debian-bookworm", DEBIAN),
    ("python-3.13-slim", PYTHON),
    ("python-3.13", PYTHON_WHOLE),
    ("nginx-1.26", NGINX),
    ("postgres-17", POSTGRES),
    ("redis-8", REDIS),
    ("golang-1.24", GOLANG),
    ("node-20-slim", NODE),
    ("node-20", NODE),
    ("distroless-static-debian13-nonroot", DISTROLESS_STATIC),
    ("distroless-python3-debian13", DISTROLESS_PYTHON),
    ("hardened-python-3.13", HARDENED_PYTHON),
)


def contract_of(name: str) -> tuple[Check, ...]:
    """The checks of recipe `name`; none when it has no contract."""
    return next((checks for recipe, checks in CONTRACTS if recipe == name), ())


def broken(checks: Sequence[Check], config: RunConfig, root: str, run: Run) -> tuple[str, ...]:
    """What an image does not keep of its contract, in words. `root` is its file system, `run` runs a program in it."""
    found = (_failure(check, config, root, run) for check in checks)
    return tuple(text for text in found if text)


def _failure(check: Check, config: RunConfig, root: str, run: Run) -> str:
    """Why `check` fails; "" when it holds."""
    match check:
        case Has():
            return _path_failure(check, root)
        case Lacks(path):
            return f"{path} exists" if os.path.lexists(root + path) else ""
        case Prints():
            return _output_failure(check.script, check.pattern, run(check.argv, check.user))
        case Python():
            return _output_failure(check.script, check.pattern, run(check.argv, ""))
        case Configures(field, value):
            actual = getattr(config, field)
            return "" if actual == value else f"{field} is {actual!r}, not {value!r}"
        case Sets(variable, pattern):
            values = [entry.partition("=")[2] for entry in config.env if entry.startswith(f"{variable}=")]
            return "" if values and re.search(pattern, values[-1]) else f"{variable} is {values}, not {pattern!r}"


def _output_failure(script: str, pattern: str, result: tuple[int, str]) -> str:
    code, output = result
    if code == 0 and re.search(pattern, output.strip()):
        return ""
    return f"`{script}` ended with {code} and printed {output.strip()[-400:]!r}, not {pattern!r}"


def _path_failure(check: Has, root: str) -> str:
    try:
        found = os.lstat(host_path(root, check.path))
    except FileNotFoundError:
        return f"{check.path} is missing"
    if check.owner is not None and (found.st_uid, found.st_gid) != check.owner:
        return f"{check.path} belongs to {found.st_uid}:{found.st_gid}"
    if check.mode is not None and stat.S_IMODE(found.st_mode) != check.mode:
        return f"{check.path} has mode {stat.S_IMODE(found.st_mode):o}"
    return ""
