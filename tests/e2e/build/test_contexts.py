"""Where the files of a build come from: folders, repositories, archives, standard input, images in a layout."""

from __future__ import annotations

import gzip
import http.server
import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.e2e.build.gitserver import git_server
from tests.e2e.build.workshop import Workshop

from cais.build import gitaddress
from cais.build.repositories import Repositories
from cais.build.standardinput import taken_in
from cais.errors import BuildError, CaisError, NotFoundError

pytestmark = pytest.mark.root

COPY_ALL = "FROM busybox:1\nCOPY . /c/\n"


def archive(**files: str) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "context.tar.gz").write_bytes(archive(Dockerfile=COPY_ALL, file="1\n"))
    (folder / "Plain").write_text("FROM busybox:1\nRUN echo 1 > /plain\n")
    (folder / "picture").write_bytes(b"\x89PNG\xff\xfe")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    (folder / "Dockerfile").write_text(COPY_ALL)
    (folder / "sub/Dockerfile").write_text("FROM busybox:1\nCOPY f /f\n")
    (folder / "sub/f").write_text("1\n")
    run_git(folder, "init", "-q")
    commit_all(folder)
    return folder


def commit_all(folder: Path) -> None:
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-qm", "x")


def run_git(folder: Path, *words: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a",
                   "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a"}  # fmt: skip
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True)


@pytest.fixture
def git(repository: Path) -> Iterator[str]:
    with git_server("127.0.0.1", repository.parent) as port:
        yield f"git://127.0.0.1:{port}/work"


def built(shop: Workshop, context: str, **options: object) -> dict[str, str]:
    return shop.files(shop.build(None, context=context, **options))


def test_a_repository(shop: Workshop, git: str) -> None:
    assert built(shop, git) == {
        "c": "0755 0:0 /",
        "c/Dockerfile": f"0644 0:0 {COPY_ALL}",
        "c/sub": "0755 0:0 /",
        "c/sub/Dockerfile": "0644 0:0 FROM busybox:1\nCOPY f /f\n",
        "c/sub/f": "0644 0:0 1\n",
    }
    assert built(shop, f"{git}#:sub") == {"f": "0644 0:0 1\n"}
    built(shop, f"{git}#:sub")
    assert shop.made() == []
    assert "c/.git" in built(shop, git, arguments={"BUILDKIT_CONTEXT_KEEP_GIT_DIR": "1"})
    with pytest.raises(BuildError, match='has no branch or tag "nope"'):
        built(shop, f"{git}#nope")


def test_a_build_asks_once_which_commit_is_meant(repository: Path, tmp_path: Path) -> None:
    asking = Repositories(str(tmp_path / "git"), os.environ, {}, "")
    with git_server("127.0.0.1", repository.parent) as port:
        address = gitaddress.parse(f"git://127.0.0.1:{port}/work#:sub")
        assert address is not None
        commit = asking.commit(address, None)
        (repository / "new").write_text("")
        commit_all(repository)
        assert asking.commit(address, None) == commit
        assert Repositories(str(tmp_path / "git"), os.environ, {}, "").commit(address, None) != commit
    assert asking.commit(msgspec.structs.replace(address, subfolder=""), None) == commit


def test_two_branches_of_a_repository_are_looked_at_each(shop: Workshop, repository: Path, git: str) -> None:
    for branch in ("one", "two"):
        run_git(repository, "checkout", "-q", "-b", branch)
        (repository / f"{branch}.txt").write_text("old")
        commit_all(repository)
    text = f"FROM busybox:1\nADD {git}#one {git}#two /c/\n"
    assert shop.files(shop.build(text))["c/one.txt"] == "0644 0:0 old"
    run_git(repository, "checkout", "-q", "one")
    (repository / "new.txt").write_text("new")
    commit_all(repository)
    assert "c/new.txt" in shop.files(shop.build(text))


def test_an_archive_from_the_web(shop: Workshop, web: str) -> None:
    assert built(shop, f"{web}/context.tar.gz") == {
        "c": "0755 0:0 /",
        "c/Dockerfile": f"0644 0:0 {COPY_ALL}",
        "c/file": "0644 0:0 1\n",
    }


def test_a_dockerfile_from_the_web(shop: Workshop, web: str) -> None:
    assert built(shop, f"{web}/Plain") == {"plain": "0644 0:0 1\n"}
    with pytest.raises(BuildError, match="neither an archive nor a Dockerfile"):
        built(shop, f"{web}/picture")


def test_standard_input(shop: Workshop, tmp_path: Path) -> None:
    with taken_in("-", None, str(tmp_path), io.BytesIO(archive(Dockerfile=COPY_ALL))) as taken:
        assert list(built(shop, taken.context)) == ["c", "c/Dockerfile"]
    with taken_in("-", None, str(tmp_path), io.BytesIO(b"FROM busybox:1\nRUN touch /made\n")) as taken:
        assert list(built(shop, taken.context)) == ["made"]
    with (
        taken_in("-", None, str(tmp_path), io.BytesIO(COPY_ALL.encode())) as taken,
        pytest.raises(BuildError, match="the build has no context"),
    ):
        built(shop, taken.context)
    with taken_in(str(shop.context), "-", str(tmp_path), io.BytesIO(b"FROM scratch\n")) as taken:
        assert (taken.context, taken.dockerfile_text) == (str(shop.context), "FROM scratch\n")
    with pytest.raises(CaisError, match="cannot both"), taken_in("-", "-", str(tmp_path), io.BytesIO()):
        pass
    assert list((tmp_path / "incoming").iterdir()) == []


def test_named_contexts(shop: Workshop, web: str, tmp_path: Path) -> None:
    (tmp_path / "extra/d").mkdir(parents=True)
    (tmp_path / "extra/d/f").write_text("1\n")
    text = "FROM extra AS base\nRUN --mount=from=busybox:1,source=/bin,target=/bin /bin/touch /made\nFROM busybox:1\nCOPY --from=base / /b/\nCOPY --from=web file /\nCOPY --from=busybox /etc/passwd /p\n"
    contexts = {"extra": str(tmp_path / "extra"), "web": f"{web}/context.tar.gz", "busybox": "docker-image://busybox:1"}
    image = shop.build(text, contexts=contexts)
    assert {"b/d/f", "b/made", "file", "p"} <= set(shop.files(image))


def test_an_image_name_written_otherwise_is_the_same(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1\n")
    image = shop.build(
        "FROM alpine\nCOPY --from=alpine:latest f /g\n", contexts={"docker.io/library/alpine": str(tmp_path)}
    )
    with shop.store.snapshots.prepare(image.chain_ids[-1]) as mounted:
        assert Path(mounted.merged, "g").read_text() == "1\n"


def test_places_that_are_not_there(shop: Workshop) -> None:
    with pytest.raises(BuildError, match="does not exist"):
        built(shop, "/nowhere/at/all")
    with pytest.raises(NotFoundError, match="no Dockerfile"):
        built(shop, str(shop.context))
