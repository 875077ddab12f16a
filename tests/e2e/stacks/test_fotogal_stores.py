"""`stacks/fotogal` with other stores than the Compose file's: a folder that nginx serves from, and Oracle's, as far as that goes without an account."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais, http, until
from tests.e2e.stacks.gallery import Member
from tests.e2e.stacks.stack import Stack, standing

pytestmark = pytest.mark.root

# Both stores on one volume of the application's; nginx sees the bucket's folder.
EMBEDDED = """
services:
  app:
    environment:
      FOTOGAL_CATALOGUE: sqlite
      FOTOGAL_OBJECTS: filesystem
    volumes: [data:/opt/fotogal/data]
    depends_on: !reset {}
  proxy:
    volumes:
      - {type: volume, source: data, target: /srv/objects, read_only: true, volume: {subpath: objects/fotogal_bucket_images}}
  db: {profiles: [other]}
  objects: {profiles: [other]}
volumes:
  data:
"""


@pytest.fixture
def embedded(cais_root: Path, tmp_path: Path) -> Iterator[Stack]:
    folder = copy_stack("fotogal", tmp_path)
    (folder / "embedded.yaml").write_text(EMBEDDED)
    env = {
        "COMPOSE_FILE": "compose.yaml:embedded.yaml",
        "COMPOSE_PROJECT_NAME": f"fotogalfolder{os.getpid()}",
        "FOTOGAL_PORT": str(free_port()),
    }
    with standing(Stack(Cais(cais_root, folder, env), {})) as stack:
        yield stack


def test_photos_in_a_folder_are_served_by_nginx_to_who_may_see_them(embedded: Stack) -> None:
    site = f"http://127.0.0.1:{embedded.cais.env['FOTOGAL_PORT']}"
    owner, stranger = Member.register(site), Member.register(site)
    owner.ok("PUT", "/api/profile", {"is_private": True})
    image = owner.publish()
    for size in image["sizes"]:
        served = owner.call("GET", size["url"])
        assert (served.status, served.headers["Content-Type"]) == (200, f"image/{size['url'].rpartition('.')[2]}")
        assert http(site + size["url"]).status == 401
        assert stranger.call("GET", size["url"]).status == 403
        # The place where nginx finds it is for the application to name, and for nobody else, not even the owner.
        inside = size["url"].replace("/imagens/", "/_objects/")
        assert owner.call("GET", inside).status == 404
    (line,) = (
        json.loads(line)
        for line in embedded.cais.ok("logs", "--no-log-prefix", "proxy").stdout.splitlines()
        if served.headers["X-Request-ID"] in line
    )
    assert line["bytes"] == len(served.body)


# The names of Oracle's services lead to the container itself, where nobody listens.
UNREACHABLE = {
    "services": {
        "app": {
            "extra_hosts": [
                f"{service}.sa-saopaulo-1.{domain}:127.0.0.1"
                for service, domain in (
                    ("identity", "oci.oraclecloud.com"),
                    ("identity", "oraclecloud.com"),
                    ("objectstorage", "oraclecloud.com"),
                    ("nosql", "oci.oraclecloud.com"),
                    ("logging", "oci.oraclecloud.com"),
                    ("ingestion.logging", "oci.oraclecloud.com"),
                )
            ]
        }
    }
}
ACCOUNT = """[DEFAULT]
user=ocid1.user.oc1..exemplo
tenancy=ocid1.tenancy.oc1..exemplo
fingerprint=20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34
region=sa-saopaulo-1
key_file=/run/secrets/oci_key.pem
"""


@pytest.fixture(scope="module")
def oracle(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cais]:
    """The application with Oracle's SDKs in its image (CLOUD=oci)."""
    folder = copy_stack("fotogal", tmp_path_factory.mktemp("oracle"))
    (folder / "oracle").mkdir()
    (folder / "unreachable.yaml").write_text(json.dumps(UNREACHABLE))
    subprocess.run(
        ["openssl", "genrsa", "-out", folder / "oracle/oci_key.pem", "2048"], check=True, capture_output=True
    )
    env = {
        "COMPOSE_FILE": "compose.yaml:compose.oracle.yaml:unreachable.yaml",
        "COMPOSE_PROJECT_NAME": f"fotogaloracle{os.getpid()}",
        "FOTOGAL_PORT": str(free_port()),
    }
    cais = Cais(cais_root, folder, env)
    (folder / "oracle/oci.conf").write_text("")
    try:
        cais.ok("build", "app", timeout_s=600)
        yield cais
    finally:
        cais.run("down", "-v", "--rmi", "local", "-t", "0")


def configure(cais: Cais, text: str) -> None:
    (cais.folder / "oracle/oci.conf").write_text(text)
    for file in (cais.folder / "oracle").iterdir():
        os.chown(file, 10001, 10001)
        file.chmod(0o400)


def provision(cais: Cais) -> tuple[int, str]:
    done = cais.run("run", "--rm", "-T", "app", "python", "-m", "fotogal", "provision")
    return done.code, done.stderr + done.stdout


def last_words(cais: Cais) -> str:
    """What a server says that is started, as often as it is."""
    cais.run("up", "-d", "app")
    found: list[Any] = until(
        lambda: [
            line
            for line in cais.ok("logs", "--no-log-prefix", "app").stdout.splitlines()
            if "cannot start" in line or "Error" in line
        ]
    )
    cais.ok("rm", "-sf", "app")
    return str(found[0])


def test_oracle_s_settings_that_are_missing_are_named(oracle: Cais) -> None:
    configure(oracle, "[DEFAULT]\nregion=sa-saopaulo-1\n")
    code, said = provision(oracle)
    assert code == 2
    assert "FOTOGAL_OCI_CONFIG: /run/secrets/oci.conf [DEFAULT]" in said
    assert "'tenancy': 'missing'" in said
    assert "Traceback" not in said
    assert "cannot start: FOTOGAL_OCI_CONFIG" in last_words(oracle)


def test_oracle_s_cloud_that_is_not_reached_is_said_to_be(oracle: Cais) -> None:
    """The official SDKs are there and begin; nothing of the account is shown."""
    configure(oracle, ACCOUNT)
    code, said = provision(oracle)
    assert code == 1
    assert "Oracle Cloud does not answer" in said
    assert "Traceback" not in said
    assert "ocid1" not in said
    assert "Oracle Cloud does not answer" in last_words(oracle)
    for module in ("oci", "borneo"):
        oracle.ok("run", "--rm", "-T", "app", "python", "-c", f"import {module}")
