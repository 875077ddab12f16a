"""COPY and ADD must put files where Docker puts them."""

import io
import os
import tarfile
from typing import Literal, cast

import pytest
from tests.e2e.build.workshop import Workshop

from cais.errors import BuildError, CaisError

pytestmark = pytest.mark.root

FILES: dict[str, str | bytes] = {"a.txt": "a", "b.txt": "b", "sub/c.txt": "c", "sub/deep/d.md": "d", "x/y/z.txt": "z"}

# The instruction, and the files that come of it.
CASES = [
    ("COPY a.txt /new", {"new": "a"}),
    ("COPY a.txt /new/", {"new/a.txt": "a"}),
    ("COPY a.txt /tmp", {"tmp/a.txt": "a"}),
    ("COPY a.txt b.txt /new/", {"new/a.txt": "a", "new/b.txt": "b"}),
    ("COPY *.txt /new/", {"new/a.txt": "a", "new/b.txt": "b"}),
    ("COPY no*.txt a.txt /new/", {"new/a.txt": "a"}),
    ("COPY sub /new", {"new/c.txt": "c", "new/deep/d.md": "d"}),
    ("COPY sub/ /new/", {"new/c.txt": "c", "new/deep/d.md": "d"}),
    ("COPY s* /new", {"new/c.txt": "c", "new/deep/d.md": "d"}),
    ("COPY */*.txt /new/", {"new/c.txt": "c"}),
    ("COPY ../../a.txt /new", {"new": "a"}),
    ("COPY a.txt /lib/q/", {"usr/lib/q/a.txt": "a"}),
    ("COPY --exclude=*.txt sub /new", {"new/deep/d.md": "d"}),
    ("COPY --exclude=a.* *.txt /new/", {"new/b.txt": "b"}),
    ("COPY --parents x/y/z.txt sub/deep /new/", {"new/x/y/z.txt": "z", "new/sub/deep/d.md": "d"}),
    ("COPY --parents x/./y/z.txt /new/", {"new/y/z.txt": "z"}),
    ("COPY --parents **/*.txt /new/", {"new/a.txt": "a", "new/b.txt": "b", "new/sub/c.txt": "c", "new/x/y/z.txt": "z"}),
    ("COPY --link a.txt /new", {"new": "a"}),
    ("ADD a.txt /new", {"new": "a"}),
    ('COPY ["a.txt", "/with blank/"]', {"with blank/a.txt": "a"}),
    ("WORKDIR /w\nCOPY a.txt .", {"w/a.txt": "a"}),
    ("WORKDIR /w\nCOPY a.txt b.txt ./", {"w/a.txt": "a", "w/b.txt": "b"}),
    ("WORKDIR /w\nCOPY a.txt ../v", {"v": "a"}),
    ("COPY --chmod=u=rwX,go= a.txt /new", {"new": "0600 0:0 a"}),
    ("COPY --chmod=755 --chown=ana sub /new", {"new/c.txt": "0755 1000:1001 c", "new/deep/d.md": "d", "new/deep": "0755 1000:1001 /", "new": "0755 1000:1001 /"}),
    ("COPY --chown=ana:staff a.txt /new", {"new": "0644 1000:50 a"}),
    ("COPY --chown=5 a.txt /new", {"new": "0644 5:5 a"}),
]  # fmt: skip


@pytest.mark.parametrize(("instruction", "expected"), CASES, ids=[case[0] for case in CASES])
def test_copy(shop: Workshop, instruction: str, expected: dict[str, str]) -> None:
    shop.write(FILES)
    found = shop.files(shop.build(f"FROM busybox:1\n{instruction}\n"))
    assert {name for name, text in found.items() if not text.endswith("/")} == {
        name for name, text in expected.items() if not text.endswith("/")
    }
    for name, text in expected.items():
        assert found[name] == text if text.startswith("0") else found[name].endswith(f" {text}")


REFUSED = [
    ("COPY nope.txt /", '"nope.txt" is not in the build context'),
    ("COPY a.tx /", '"a.tx" is not in the build context'),
    ("COPY a.txt b.txt /new", "does not end in a slash"),
    ("COPY a.txt /etc/passwd/", "cannot copy"),
    ("COPY sub /etc/passwd", "cannot copy a folder"),
    ("COPY --chown=nobody a.txt /", 'user "nobody" is not in'),
    ("COPY --chmod=rwx a.txt /", "--chmod cannot be"),
    ("COPY --from=7 a.txt /", "there is no stage 7"),
    ("COPY --from=nosuch a.txt /", 'image "nosuch" is not to be had'),
    ("COPY ignored /", "left out of the build context by the ignore file"),
    ("ADD git://127.0.0.1:9/x.git /", 'git ls-remote of "git://127.0.0.1:9/x.git" failed'),
    ("ADD --link --chown=ana a.txt /", "--link cannot know the owner"),
]


@pytest.mark.parametrize(("instruction", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(shop: Workshop, instruction: str, message: str) -> None:
    shop.write({**FILES, "ignored": "", ".dockerignore": "ignored\n"})
    with pytest.raises(CaisError, match=message) as caught:
        shop.build(f"FROM busybox:1\n{instruction}\n")
    assert caught.value.span is not None
    assert caught.value.span.line == 2


def test_links_are_followed_at_the_source_and_kept_inside(shop: Workshop) -> None:
    shop.write({"d/file": "f"})
    os.symlink("d/file", shop.context / "to-file")
    os.symlink("d", shop.context / "to-folder")
    os.symlink("/etc/passwd", shop.context / "d/outside")
    image = shop.build("FROM busybox:1\nCOPY to-file /one\nCOPY to-folder /two/\n")
    assert shop.files(image) == {
        "one": "0644 0:0 f",
        "two": "0755 0:0 /",
        "two/file": "0644 0:0 f",
        "two/outside": "-> /etc/passwd",
    }
    with pytest.raises(BuildError, match='not in the build context: the symbolic link to "/etc/passwd" leads nowhere'):
        shop.build("FROM busybox:1\nCOPY d/outside /x\n")


def test_no_link_of_the_image_leads_out_of_it(shop: Workshop) -> None:
    shop.write({"a": "a"})
    outside = shop.context.parent / "outside"
    outside.mkdir()
    image = shop.build(
        f"FROM busybox:1\nRUN ln -s {outside} /out && ln -s {outside}/f /file\nCOPY a /out/\nCOPY a /file\n"
    )
    assert list(outside.iterdir()) == []
    assert shop.files(image)[str(outside)[1:] + "/a"] == "0644 0:0 a"


def archive(compression: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=cast("Literal['w:gz']", f"w:{compression}")) as tar:
        for name, content in (("in/one", b"1"), ("two", b"2")):
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid, member.mode = len(content), 1000, 50, 0o640
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_add_unpacks_archives(shop: Workshop, compression: str) -> None:
    shop.write({"archive": archive(compression), "not.gz": b"\x1f\x8bnot really", "plain": "p"})
    image = shop.build("FROM busybox:1\nADD archive plain not.gz /new/\nADD --unpack=false archive /kept\n")
    with shop.store.snapshots.prepare(image.chain_ids[-1]) as mounted:
        new = os.path.join(mounted.merged, "new")
        assert sorted(os.listdir(new)) == ["in", "not.gz", "plain", "two"]
        status = os.stat(os.path.join(new, "in/one"))
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1000, 50, 0o640)
        assert os.path.getsize(os.path.join(mounted.merged, "kept")) == len(archive(compression))


def test_add_of_a_hostile_archive(shop: Workshop) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../../escape"))
    shop.write({"archive": buffer.getvalue()})
    with pytest.raises(BuildError, match="cannot unpack"):
        shop.build("FROM busybox:1\nADD archive /\n")


def test_add_of_an_archive_where_a_file_is(shop: Workshop) -> None:
    shop.write({"archive": archive("gz")})
    with pytest.raises(BuildError, match=r'COPY failed at ".*/etc/passwd"') as caught:
        shop.build("FROM busybox:1\nADD archive /etc/passwd\n")
    assert caught.value.span is not None


def test_the_ignore_file(shop: Workshop) -> None:
    shop.write({**FILES, ".dockerignore": "*\n!sub\nsub/deep\n!x/y/z.txt\n"})
    assert {
        name for name, text in shop.files(shop.build("FROM busybox:1\nCOPY . /new\n")).items() if text[-1] != "/"
    } == {
        "new/sub/c.txt",
        "new/x/y/z.txt",
    }


def test_named_contexts(shop: Workshop) -> None:
    other = shop.context.parent / "other"
    other.mkdir()
    (other / "o").write_text("o")
    image = shop.build(
        "FROM base\nCOPY --from=other o /o\nCOPY --from=img /etc/group /g\n",
        contexts={"other": str(other), "img": "docker-image://busybox:1", "base": "docker-image://busybox:1"},
    )
    assert sorted(shop.files(image)) == ["g", "o"]


def test_a_linked_layer_is_not_made_again_on_another_base(shop: Workshop) -> None:
    shop.write({"in/d/a": "1\n", "in/b": "2\n"})
    (shop.context / "in/link").symlink_to("b")
    (shop.context / "in/d").chmod(0o750)
    text = "FROM busybox:1\nRUN echo {0} > /{0}\nCOPY --link --chown=5:6 in /in/\nRUN --network=none true\n"
    first = shop.files(shop.build(text.format("one")))
    image = shop.build(text.format("two"))
    assert shop.made() == ["[2/4] RUN echo two > /two", "[4/4] RUN --network=none true"]
    second = shop.files(image)
    assert first.pop("one") == "0644 0:0 one\n"
    assert second.pop("two") == "0644 0:0 two\n"
    assert second == first
    assert second["in/d"] == "0750 5:6 /"
    assert shop.build(text.format("two"), no_cache=True).config.rootfs.diff_ids == image.config.rootfs.diff_ids
