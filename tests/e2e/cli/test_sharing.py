"""Services that share volumes, images and networks with others, as a user writes them."""

from __future__ import annotations

import os

import pytest

from tests.e2e.harness import Cais

pytestmark = pytest.mark.root


def write(project: Cais, text: str) -> None:
    (project.folder / "compose.yaml").write_text(text)


def said(project: Cais, service: str, line: str) -> str:
    return project.ok("exec", "-T", service, "sh", "-c", line).stdout


VOLUMES = """
services:
  lender:
    image: {image}
    init: true
    environment: {{V: "${{V:-1}}"}}
    volumes: ["data:/data", "/own", "./bound:/bound"]
  reader:
    image: {image}
    init: true
    volumes_from: ["lender:ro"]
volumes: {{data: {{}}}}
"""


def test_volumes_from_a_service(project: Cais, tiny: str) -> None:
    write(project, VOLUMES.format(image=tiny))
    project.ok("up", "-d")
    said(project, "lender", "for d in data own bound; do echo $d >/$d/f; done")
    assert said(project, "reader", "cat /data/f /own/f /bound/f") == "data\nown\nbound\n"
    assert "Read-only" in said(project, "reader", "touch /data/x /own/x 2>&1 || true")
    # The lender replaced: whoever has its mounts is replaced too, and finds the data.
    again = project.run("up", "-d", env={"V": "2"})
    assert again.code == 0, again
    assert "lender, whose volumes it shares, is another container now" in again.stdout + again.stderr
    assert said(project, "reader", "cat /data/f /own/f") == "data\nown\n"
    project.ok("down", "-v", "-t", "0")
    assert [v for v in project.ok("ls", "-q").stdout.split() if os.path.basename(project.folder) in v] == []


NETWORK = """
services:
  web:
    image: {image}
    init: true
    environment: {{V: "${{V:-1}}"}}
    command: [sh, -c, 'echo page >/www/page; exec httpd -f -p 8000 -h /www']
  side:
    image: {image}
    init: true
    network_mode: service:web
"""


def test_who_shares_a_network_follows_its_owner(project: Cais, tiny: str) -> None:
    write(project, NETWORK.format(image=tiny))
    project.ok("up", "-d")
    assert said(project, "side", "wget -q -O - http://127.0.0.1:8000/page") == "page\n"
    again = project.run("up", "-d", env={"V": "2"})
    assert again.code == 0, again
    assert said(project, "side", "wget -q -O - http://127.0.0.1:8000/page") == "page\n"


IMAGES = """
services:
  a:
    image: {image}
    init: true
    volumes:
      - {{type: image, source: {assets}, target: /assets, image: {{subpath: www}}}}
"""


def test_an_image_as_a_volume(project: Cais, tiny: str) -> None:
    assets = "cais-test/assets:1"
    root = project.folder / "root"
    (root / "www").mkdir(parents=True)
    (root / "www/page").write_text("first\n")
    project.ok("image", "import", str(root), assets)
    write(project, IMAGES.format(image=tiny, assets=assets))
    project.ok("up", "-d")
    assert said(project, "a", "cat /assets/page") == "first\n"
    assert "is used by container" in project.run("image", "rm", "-f", assets).stderr
    # Another image of that name: the service is replaced.
    (root / "www/page").write_text("second\n")
    project.ok("image", "import", str(root), assets)
    assert "mounted_images" in project.ok("up", "--dry-run").stdout
    project.ok("up", "-d")
    assert said(project, "a", "cat /assets/page") == "second\n"
    assert project.ok("up", "--dry-run").stdout == "nothing to do\n"
    project.ok("down", "-t", "0")
    project.ok("image", "rm", "-f", assets)
