"""The same Dockerfile built by Docker (BuildKit) and by Cais must give the same files and the same config."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from bench.docker import DockerTool
from bench.programs import MeasureError
from tests.e2e.build.workshop import BASE, Workshop, make_base

from cais.errors import CaisError
from cais.images.model import StoredImage

pytestmark = [pytest.mark.root, pytest.mark.docker]

FILES: dict[str, str | bytes] = {
    "a.txt": "a",
    "b.txt": "b",
    "sub/c.txt": "c",
    "sub/deep/d.md": "d",
    "x/y/z.txt": "z",
    "x/a.txt": "xa",
    "[odd] name": "o",
    "skip.log": "l",
    "kept/skip.log": "l",
    "kept/keep.log": "k",
    ".dockerignore": "**/*.log\n!kept/keep.log\n",
}

# Each line stands alone, `@` is a folder of its own.
LINES = [
    "COPY a.txt @/new",
    "COPY a.txt @/new/",
    "COPY a.txt @",
    "COPY a.txt b.txt @/new/",
    "COPY *.txt @/",
    "COPY ?.txt @/",
    "COPY [ab].txt @/",
    "COPY no*.txt a.txt @/",
    "COPY sub @",
    "COPY sub @/",
    "COPY sub/ @/in",
    "COPY s* @/",
    "COPY */*.txt @/",
    "COPY . @/",
    "COPY ./ @",
    "COPY sub x @/",
    "COPY ../../a.txt @/",
    'COPY ["[[]odd] name", "@/"]',
    "COPY to-file @/",
    "COPY to-file @/named",
    "COPY to-folder @/",
    "COPY to-f* @/",
    "COPY links @/",
    "COPY modes @/",
    "COPY --chmod=755 sub @/",
    "COPY --chmod=0600 a.txt modes/setuid @/",
    "COPY --chown=ana sub @/p/q",
    "COPY --chown=ana:staff a.txt @/p/q/",
    "COPY --chown=5 a.txt @/",
    "COPY --chown=5:6 sub @",
    "COPY --chown=:staff a.txt @/",
    "COPY --from=made /tree @/",
    "COPY --from=made /tree/owned @/",
    "COPY --from=made /tree/link-to-folder @/",
    "COPY --from=made --chown=7 /tree @/",
    "COPY --from=made /tree/owned/* @/",
    "COPY --link a.txt @/",
    "COPY <<one <<two @/\n1 $V\none\n2\ntwo",
    'COPY <<"one" @/\n1 $V\none',
    "COPY --chmod=755 --chown=ana <<script @/\n#!/bin/sh\nscript",
    "ADD a.txt @/new",
    "ADD archive.tar @/",
    "ADD archive.tar.gz archive.tar.xz @/",
    "ADD --chown=ana archive.tar @/n",
    "ADD sub @/",
    "WORKDIR @/w\nCOPY a.txt .",
    "WORKDIR @/w\nCOPY sub ./n/",
    "WORKDIR @/w\nWORKDIR n\nCOPY a.txt ../x",
    "USER ana\nWORKDIR @/w/v\nUSER root",
    "USER 1234\nWORKDIR @/w/v\nUSER root",
    "USER 1234:50\nWORKDIR @/w/v\nUSER root",
    "RUN mkdir @ && ln -s /target @/link\nCOPY a.txt @/link/",
    "RUN mkdir -p @/d && ln -s d @/link\nCOPY a.txt @/link",
    "RUN mkdir -p @ && echo x > @/a.txt && chmod 700 @\nCOPY a.txt b.txt @/",
    "RUN mkdir -p @/deep && chmod 700 @/deep && chown ana @/deep && touch @/deep/stays\nCOPY sub @/",
    "RUN mkdir @ && ln -s nowhere @/a.txt\nCOPY a.txt @/",
    "RUN mkdir @ && env | grep -v -e HOSTNAME -e SHLVL -e SOURCE_DATE > @/env",
    "ARG V\nENV E=$V\nRUN mkdir @ && echo $V $E > @/values",
    "ARG D=default\nRUN mkdir @ && echo $D $G > @/values",
    "ARG G\nRUN mkdir @ && echo $G > @/values",
    "RUN <<end\nmkdir @\npwd > @/pwd\nid > @/id\nend",
    "RUN <<end cat > /tmp/x && mkdir @ && mv /tmp/x @/x\ntext $V\nend",
    'SHELL ["/bin/sh", "-ec"]\nRUN mkdir @; echo $0 > @/zero\nSHELL ["/bin/sh", "-c"]',
    "RUN --mount=type=tmpfs,target=@/t touch @/t/x; mkdir @/made",
    "RUN --mount=type=cache,target=@/c,uid=5,mode=750 mkdir @/s && stat -c '%a %u' @/c > @/s/modes",
    "RUN --mount=source=sub,target=@/b ls -ln @/b | grep -v total > /tmp/x; mkdir @/r; wc -l < /tmp/x > @/r/lines; rm /tmp/x",
]

CONFIGS = [
    'CMD ["a", "b"]',
    "CMD a b",
    "ENTRYPOINT a b",
    'CMD ["c"]\nENTRYPOINT ["e"]',
    'ENTRYPOINT ["e"]\nCMD ["c"]',
    'SHELL ["/bin/x"]\nCMD a',
    "ENV A=1 B=$A\nENV C=$A${B:-none}",
    "ENV PATH=/x:$PATH",
    "LABEL a=1 b='x y' c=\"$V\"\nLABEL a=2",
    "EXPOSE 80 53/udp 8000-8002",
    'VOLUME /a\nVOLUME ["/b", "/c"]',
    "USER ana:staff\nWORKDIR /w\nWORKDIR v\nWORKDIR ../u",
    "STOPSIGNAL SIGQUIT",
    "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 --start-period=2s CMD a b",
    'HEALTHCHECK CMD ["a", "b"]',
    "HEALTHCHECK NONE",
    "ONBUILD RUN a\nONBUILD COPY . /b",
    "ARG V=1\nLABEL v=$V",
    "MAINTAINER Ana",
]

# Folders the runtime mounts on, which the base lacks: Docker leaves them in the image.
ACCEPTED = {"dev", "proc", "sys"}

REFUSED = [
    "COPY nope.txt /",
    "COPY skip.log /",
    "COPY a.txt /etc/passwd/x",
    "COPY sub /etc/passwd",
    "COPY --from=made /nope /",
    "COPY links/outside /",
    "RUN exit 3",
    "RUN --mount=type=secret,id=x,required true",
]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    context = tmp_path / "context"
    context.mkdir()
    workshop = Workshop(context, tmp_path / "cais")
    make_base(workshop, tmp_path / "rootfs")
    workshop.write(FILES)
    os.symlink("sub/c.txt", context / "to-file")
    os.symlink("sub", context / "to-folder")
    (context / "links").mkdir()
    os.symlink("../a.txt", context / "links/inside")
    os.symlink("/etc/passwd", context / "links/outside")
    workshop.write({f"modes/{name}": name for name in ("setuid", "secret", "script")})
    (context / "modes/empty").mkdir()
    for name, mode in (("setuid", 0o4755), ("secret", 0o600), ("script", 0o775), ("empty", 0o1777)):
        os.chmod(context / "modes" / name, mode)
    os.chown(context / "modes/secret", 1000, 50)
    for kind in ("tar", "gztar", "xztar"):
        shutil.make_archive(str(context / "archive"), kind, context / "x", ".")
    yield workshop
    workshop.store.close()
    workshop.database.close()


HEAD = """FROM busybox:1 AS made
RUN mkdir -p /tree/owned/deep && echo 1 > /tree/owned/f && chown -R ana:staff /tree/owned && chmod 750 /tree/owned && \\
    ln -s owned /tree/link-to-folder && ln -s f /tree/owned/link && ln /tree/owned/f /tree/owned/hard && echo 2 > /tree/g
FROM busybox:1
"""


class Docker:
    """Builds with Docker and brings the image over."""

    def __init__(self, tool: DockerTool, shop: Workshop, tmp_path: Path) -> None:
        self._tool = tool
        self._shop = shop
        self._archive = str(tmp_path / "archive.tar")
        shop.store.save([BASE], self._archive)
        tool.ask("load", "-i", self._archive)

    def build(self, dockerfile: str) -> StoredImage:
        path = self._shop.context.parent / "Dockerfile"
        path.write_text(dockerfile)
        name = "cais-build/theirs:1"
        words = ("--build-arg", "V=given", "-t", name, "-f", str(path), str(self._shop.context))
        self._tool.ask("build", "--progress=plain", *words)
        self._tool.ask("save", "-o", self._archive, name)
        return self._shop.store.load(self._archive)[0]


@pytest.fixture
def theirs(docker: DockerTool, shop: Workshop, tmp_path: Path) -> Iterator[Docker]:
    yield Docker(docker, shop, tmp_path)
    docker.ask("image", "rm", "-f", "cais-build/theirs:1")


def files(shop: Workshop, image: StoredImage) -> dict[str, str]:
    found: dict[str, str] = {}
    with shop.store.snapshots.prepare(image.chain_ids[-1]) as mounted:
        for folder, names, leaves in os.walk(mounted.merged):
            for name in [*names, *leaves]:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, mounted.merged)] = _described(path)
    return found


def _described(path: str) -> str:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return f"{status.st_uid}:{status.st_gid} -> {os.readlink(path)}"
    content = "" if stat.S_ISDIR(status.st_mode) else Path(path).read_bytes()[:200]
    return f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {status.st_nlink if content else ''} {content!r}"


def test_files(shop: Workshop, theirs: Docker) -> None:
    lines = [line.replace("@", f"/case{number}") for number, line in enumerate(LINES)]
    text = "ARG G=global\n" + HEAD + "\nWORKDIR /\n".join(lines) + "\n"
    expected = files(shop, theirs.build(text))
    found = files(shop, shop.build(text, arguments={"V": "given"}))
    different = []
    for path in sorted({*expected, *found} - ACCEPTED):
        if expected.get(path) != found.get(path):
            case = path.split("/")[0].removeprefix("case")
            line = LINES[int(case)] if case.isdecimal() else ""
            different.append(f"{line!r}: {path}: Docker {expected.get(path)}, Cais {found.get(path)}")
    assert not different, "\n".join(different)


@pytest.mark.parametrize("lines", CONFIGS)
def test_config(shop: Workshop, theirs: Docker, lines: str) -> None:
    text = f"FROM busybox:1\n{lines}\n"
    expected = theirs.build(text).config
    found = shop.build(text, arguments={"V": "given"}).config
    # Docker marks every CMD as escaped for Windows; it means nothing on Linux.
    wanted = msgspec.structs.replace(expected.config, args_escaped=False)
    assert found.config == wanted
    assert found.author == expected.author


def test_stage_from_scratch(shop: Workshop, theirs: Docker) -> None:
    text = "FROM scratch\nCOPY a.txt /\n"
    assert shop.build(text).config.config == theirs.build(text).config.config


@pytest.mark.parametrize("line", REFUSED)
def test_both_refuse(shop: Workshop, theirs: Docker, line: str) -> None:
    text = f"{HEAD}{line}\n"
    with pytest.raises(MeasureError):
        theirs.build(text)
    with pytest.raises(CaisError) as caught:
        shop.build(text)
    assert caught.value.span is not None


def test_a_user_that_is_not_there_is_refused_where_docker_takes_root(shop: Workshop, theirs: Docker) -> None:
    text = f"{HEAD}COPY --chown=nobody a.txt /\n"
    assert files(shop, theirs.build(text))["a.txt"].startswith("100644 0:0")
    with pytest.raises(CaisError, match='user "nobody" is not in the image'):
        shop.build(text)
