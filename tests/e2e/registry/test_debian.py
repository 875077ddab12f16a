"""The command line against a real registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import PASSWORD, USER, DebianRegistry, debian_registry
from tests.e2e.registry.images import digest_of, make_image

pytestmark = pytest.mark.root


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_an_image_goes_there_and_comes_back(cais: Cais, debian: DebianRegistry, compression: str) -> None:
    name = f"{debian.host}/app/web:1"
    image_id = make_image(cais, name)
    pushed = cais.ok("image", "push", name, "--compression", compression)
    digest = digest_of(pushed.stdout)
    assert pushed.stdout == f"1: digest: {digest}\n"
    cais.ok("image", "rm", name)
    pulled = cais.ok("image", "pull", name)
    assert pulled.stdout == f"Digest: {digest}\nStatus: Downloaded newer image for {name}\n{name}\n"
    assert json.loads(cais.ok("image", "inspect", name).stdout)[0]["Id"] == image_id
    assert cais.ok("image", "pull", name).stdout.splitlines()[1] == f"Status: Image is up to date for {name}"
    assert "Already exists" in cais.ok("image", "push", name).stderr


def test_tags_of_a_name_go_together_and_blobs_are_mounted(cais: Cais, debian: DebianRegistry) -> None:
    first = f"{debian.host}/team/app:1"
    make_image(cais, first)
    for other in (f"{debian.host}/team/app:2", f"{debian.host}/else/app:1"):
        cais.ok("image", "tag", first, other)
    pushed = cais.ok("image", "push", "-a", f"{debian.host}/team/app")
    assert [line.partition(":")[0] for line in pushed.stdout.splitlines()] == ["1", "2"]
    assert "Mounted from team/app" in cais.ok("image", "push", f"{debian.host}/else/app:1").stderr
    inspected = json.loads(cais.ok("image", "inspect", first).stdout)[0]
    digest = digest_of(pushed.stdout)
    assert inspected["RepoDigests"] == [f"{debian.host}/else/app@{digest}", f"{debian.host}/team/app@{digest}"]
    assert (
        json.loads(cais.ok("image", "inspect", f"{debian.host}/team/app@{digest}").stdout)[0]["Id"] == inspected["Id"]
    )


@pytest.fixture
def guarded(cais: Cais, tmp_path: Path) -> Iterator[DebianRegistry]:
    """A registry that wants TLS trusted and a login; its CA is named in the user's registries file."""
    with debian_registry(tmp_path / "registry", login=True, tls=True) as running:
        folder = tmp_path / "home/.config/cais"
        folder.mkdir(parents=True)
        (folder / "registries.yaml").write_text(f"registries:\n  {running.host}: {{ca: {running.ca}}}\n")
        yield running


def log_in(cais: Cais, registry: DebianRegistry, password: str = PASSWORD) -> int:
    return cais.run("login", "-u", USER, "--password-stdin", registry.host, stdin=password + "\n").code


def test_logging_in_and_out(cais: Cais, guarded: DebianRegistry, tmp_path: Path) -> None:
    name = f"{guarded.host}/app:1"
    make_image(cais, name)
    refused = cais.run("image", "push", name)
    assert refused.code == 1
    assert f"cais login {guarded.host}" in refused.stderr
    assert log_in(cais, guarded, "wrong") == 1
    config = tmp_path / "home/.docker/config.json"
    assert not config.exists()
    assert log_in(cais, guarded) == 0
    assert config.stat().st_mode & 0o777 == 0o600
    digest = digest_of(cais.ok("image", "push", name).stdout)
    cais.ok("image", "rm", name)
    assert digest_of(cais.ok("image", "pull", f"{guarded.host}/app@{digest}").stdout) == digest
    assert cais.ok("login", guarded.host).stdout == "Login Succeeded\n"
    assert cais.ok("logout", guarded.host).stdout == f"Removing login credentials for {guarded.host}\n"
    assert cais.ok("logout", guarded.host).stdout == f"Not logged in to {guarded.host}\n"
    assert cais.run("image", "pull", f"{guarded.host}/app:1").code == 18
    assert PASSWORD not in guarded.log


def test_an_untrusted_registry_is_not_talked_to(cais: Cais, guarded: DebianRegistry, tmp_path: Path) -> None:
    registries = tmp_path / "home/.config/cais/registries.yaml"
    registries.write_text(f"registries:\n  {guarded.host}: {{ca: {guarded.folder}/ca.pem}}\n")
    (guarded.folder / "ca.pem").rename(guarded.folder / "old.pem")
    wrong_file = cais.run("image", "pull", f"{guarded.host}/app:1")
    assert (wrong_file.code, "registries.yaml:2:" in wrong_file.stderr) == (15, True)
    (guarded.folder / "ca.pem").write_text((guarded.folder / "key.pem").read_text())
    assert "no certificate can be read" in cais.run("image", "pull", f"{guarded.host}/app:1").stderr


def test_a_credential_helper_keeps_the_password(cais: Cais, guarded: DebianRegistry, tmp_path: Path) -> None:
    # Programs are looked up in the system's folders only, so the helper's name has to be one of this test's alone.
    helper = Path(f"/usr/local/bin/docker-credential-caistest{guarded.host.rpartition(':')[2]}")
    kept = tmp_path / "kept"
    helper.write_text(
        f"#!/bin/sh\ncase $1 in store) cat > {kept} ;; get) [ -s {kept} ] && cat {kept} ;; erase) rm {kept} ;; esac\n"
    )
    helper.chmod(0o755)
    try:
        config = tmp_path / "home/.docker/config.json"
        config.parent.mkdir()
        config.write_text(json.dumps({"credsStore": helper.name.removeprefix("docker-credential-"), "HttpHeaders": {}}))
        assert log_in(cais, guarded) == 0
        assert json.loads(kept.read_text()) == {"ServerURL": guarded.host, "Username": USER, "Secret": PASSWORD}
        assert json.loads(config.read_text())["auths"] == {guarded.host: {}}
        assert "HttpHeaders" in json.loads(config.read_text())
        name = f"{guarded.host}/app:1"
        make_image(cais, name)
        cais.ok("image", "push", name)
        cais.ok("logout", guarded.host)
        assert not kept.exists()
    finally:
        helper.unlink()


def test_no_terminal_no_question(cais: Cais, debian: DebianRegistry) -> None:
    refused = cais.run("login", debian.host)
    assert (refused.code, "--password-stdin" in refused.stderr) == (16, True)
    assert cais.run("login", "--password-stdin", debian.host, stdin="x").code == 16


COMPOSE = """
services:
  web:
    image: {host}/shop/web:1
    build: {{context: ., dockerfile_inline: "FROM scratch\\nCOPY compose.yaml /x", tags: ["{host}/shop/web:latest"]}}
  worker:
    build: {{context: ., dockerfile_inline: "FROM scratch\\nCOPY compose.yaml /y"}}
  other:
    image: {host}/shop/other:1
"""


def test_the_images_of_a_project(cais: Cais, debian: DebianRegistry) -> None:
    (cais.folder / "compose.yaml").write_text(COMPOSE.format(host=debian.host))
    make_image(cais, f"{debian.host}/shop/other:1")
    cais.ok("image", "push", f"{debian.host}/shop/other:1")
    cais.ok("build")
    dry = cais.ok("push", "--dry-run").stdout.splitlines()
    assert dry == [
        f"push image {debian.host}/shop/web:1",
        f"push image {debian.host}/shop/web:latest",
        "skip service worker: the image has no name of its own",
        "skip service other: the image is not built here",
    ]
    cais.ok("push")
    for name in ("web:1", "web:latest", "other:1"):
        cais.ok("image", "rm", f"{debian.host}/shop/{name}")
    pulled = cais.ok("pull")
    assert "Service worker  Skipped  (there is no image to be pulled)" in pulled.stderr
    for name in ("web:1", "other:1"):
        cais.ok("image", "inspect", f"{debian.host}/shop/{name}")
    assert "the image is already here" in cais.ok("pull", "--policy", "missing", "web").stderr
    assert "the image can be built" in cais.ok("pull", "--ignore-buildable", "web").stderr


def test_what_cannot_be_pulled(cais: Cais, debian: DebianRegistry) -> None:
    (cais.folder / "compose.yaml").write_text(COMPOSE.format(host=debian.host))
    failed = cais.run("pull")
    assert failed.code == 18
    assert "some images must be built from source: cais build web" in failed.stderr
    assert "compose.yaml:9:12" in failed.stderr
    assert cais.run("pull", "--ignore-pull-failures").code == 0
    assert cais.run("push").code == 14
    assert cais.run("push", "--ignore-push-failures").code == 0
