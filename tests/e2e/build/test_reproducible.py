"""The same sources give the same image, to the digest of its manifest, whatever machine, hour, path and user it is built on."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.build.gitserver import git_server
from tests.e2e.harness import Cais

pytestmark = pytest.mark.root

DOCKERFILE = """FROM {base} AS made
RUN mkdir -p /tree/b /tree/a && echo 1 > /tree/b/f && ln /tree/b/f /tree/a/hard && ln -s ../b/f /tree/a/soft && chmod 4750 /tree/b/f
RUN for name in z y x w v u; do echo $name > /tree/$name; done; date > /dev/null
FROM {base}
ARG REPOSITORY
WORKDIR /srv/app
COPY . .
COPY --link --chown=5:6 sub /linked/
COPY --parents sub/deep /parents/
COPY --from=made /tree /tree
COPY --chmod=755 <<end /script
#!/bin/sh
end
ADD archive.tar /unpacked/
ADD --keep-git-dir=true $REPOSITORY /repository
RUN --mount=type=cache,target=/cache date > /cache/now; echo done > /result
RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null; hostname > /name; rm /srv/app/f3; id > /id; umask > /umask
LABEL a=1
CMD ["sh"]
"""
FILES = {f"f{number}": f"{number}\n" for number in range(20)} | {"sub/deep/a": "a\n", "sub/b": "b\n", "sub/c/d": "d\n"}


def write_context(folder: Path, order: list[str], owner: int, at: float) -> None:
    """The same files: made in another order, by another user, at another time."""
    for name in order:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FILES[name])
    with tarfile.open(folder / "archive.tar", "w") as tar:
        member = tarfile.TarInfo("in/archive")
        member.mtime = 1_700_000_000
        tar.addfile(member)
    (folder / "link").symlink_to("sub/b")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner, owner, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (at, at), follow_symlinks=False)


def manifest_of(cais: Cais, name: str, folder: Path) -> str:
    cais.ok("image", "copy", f"store:{name}", f"oci:{folder}")
    (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
    digest: str = entry["digest"]
    return digest


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repositories/work"
    folder.mkdir(parents=True)
    (folder / "file").write_text("1\n")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **{f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}  # fmt: skip
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=folder, env=environment, check=True)
    return folder.parent


def test_two_clean_builds_give_one_manifest(project: Cais, tiny: str, tmp_path: Path, repository: Path) -> None:
    project.ok("image", "save", tiny, "-o", str(tmp_path / "tiny.tar"))
    order = list(FILES)

    def build(
        number: int, shuffle: Callable[[list[str]], None], umask: int, variables: dict[str, str]
    ) -> tuple[str, str]:
        shuffle(order)
        folder = tmp_path / ("short" if number else "a/much/longer/path/to/it")
        folder.mkdir(parents=True)
        write_context(folder, order, owner=1000 * number, at=time.time() - 10**8 * number)
        (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(base=tiny))
        cais = Cais(tmp_path / f"root{number}", folder, env={**variables, "CAIS_ROOT": str(tmp_path / f"root{number}")})
        cais.ok("image", "load", "-i", str(tmp_path / "tiny.tar"))
        before = os.umask(umask)
        try:
            words = ("--build-arg", f"REPOSITORY=git://127.0.0.1:{port}/work/.git", "--secret", f"id=s,env=S{number}")
            cais.ok("image", "build", "-f", str(tmp_path / "Dockerfile"), "-t", "same:1", *words, ".")
        finally:
            os.umask(before)
        (found,) = json.loads(cais.ok("image", "inspect", "same:1").stdout)
        return found["Id"], manifest_of(cais, "same:1", tmp_path / f"layout{number}")

    with git_server("127.0.0.1", repository) as port:
        first = build(0, lambda names: names.sort(), 0o022, {"TZ": "UTC", "LANG": "C", "USER": "ana", "S0": "one"})
        time.sleep(1.1)  # another second on the clock, which files are dated with
        shuffled = random.Random(1).shuffle
        second = build(
            1, shuffled, 0o077, {"TZ": "Asia/Tokyo", "LANG": "pt_BR.UTF-8", "USER": "rui", "HOME": "/tmp", "S1": "two"}
        )
    assert first == second


def test_a_date_of_your_own(project: Cais, tiny: str) -> None:
    (project.folder / "Dockerfile").write_text(f"FROM {tiny}\nRUN touch /x\n")
    found = []
    for epoch in ("1700000000", "1700000001"):
        project.ok("image", "build", "-t", "dated:1", "--build-arg", f"SOURCE_DATE_EPOCH={epoch}", ".")
        (image,) = json.loads(project.ok("image", "inspect", "dated:1").stdout)
        found.append((image["Created"], image["RootFS"]["Layers"][-1]))
    assert found[0][0] == "2023-11-14T22:13:20.000000Z"
    assert found[0] != found[1]
