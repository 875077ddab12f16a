"""RUN --mount must give what it says for one command, and leave nothing of it in the image."""

import os
import re
from pathlib import Path

import pytest
from tests.e2e.build.workshop import Workshop

from cais.errors import BuildError, CaisError

pytestmark = pytest.mark.root


def test_a_cache_is_kept_between_builds_and_out_of_the_image(shop: Workshop) -> None:
    text = "FROM busybox:1\nRUN --mount=type=cache,target=/var/cache/x,uid=1000,mode=700 echo {0} >> /var/cache/x/log; cat /var/cache/x/log > /log; stat -c '%a %u' /var/cache/x >> /log\n"
    shop.build(text.format("one"))
    image = shop.build(text.format("two"))
    assert shop.files(image) == {"log": "0644 0:0 one\ntwo\n700 1000\n"}


def test_private_and_locked_caches(shop: Workshop) -> None:
    image = shop.build(
        "FROM busybox:1\nCOPY --from=busybox:1 /etc/group /g\n"
        "RUN --mount=type=cache,id=a,target=/a,sharing=private --mount=type=cache,id=a,target=/b,sharing=private "
        "--mount=type=cache,id=b,target=/c,sharing=locked --mount=type=cache,id=seeded,target=/d,from=busybox:1,source=/etc "
        "touch /a/in-a /c/in-c && ls /b /c > /seen && cat /d/group >> /seen\n"
    )
    assert shop.files(image)["seen"].endswith("/b:\n\n/c:\nin-c\nroot:x:0:\nana:x:1001:\nstaff:x:50:\n")


def test_binds_show_the_context_a_stage_and_an_image(shop: Workshop) -> None:
    shop.write({"src/a": "a\n", "src/b.tmp": "b\n", "one": "1\n", ".dockerignore": "**/*.tmp\n"})
    text = (
        "FROM busybox:1 AS tools\nRUN mkdir /t && echo tool > /t/tool\n"
        "FROM busybox:1\n"
        "RUN --mount=type=bind,source=src,target=/src --mount=target=/one,source=one "
        "--mount=from=tools,source=t,target=/t,rw --mount=from=busybox:1,target=/image "
        "ls /src > /seen; cat /one /t/tool /image/etc/group >> /seen; touch /t/new; touch /src/no || echo read-only >> /seen\n"
    )
    image = shop.build(text)
    assert shop.files(image) == {"seen": "0644 0:0 a\n1\ntool\nroot:x:0:\nana:x:1001:\nstaff:x:50:\nread-only\n"}
    shop.build(text)
    assert shop.made() == []
    shop.write({"src/b.tmp": "changed\n"})
    shop.build(text)
    assert shop.made() == []
    shop.write({"src/a": "changed\n"})
    shop.build(text)
    assert len(shop.made()) == 1


def test_secrets_are_there_for_one_command_only(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    text = (
        "FROM busybox:1\nRUN --mount=type=secret,id=token --mount=type=secret,id=file,target=/f,uid=1000,mode=440 "
        "--mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=absent "
        'test "$(cat /run/secrets/token)" = "$TOKEN" && cat /f | wc -c > /length && stat -c \'%a %u\' /f >> /length; ls /run/secrets >> /length\n'
    )
    image = shop.build(text, secrets={"token": b"abc", "file": str(tmp_path / "password")})
    assert shop.files(image) == {"length": "0644 0:0 7\n440 1000\ntoken\n"}
    shop.build(text, secrets={"token": b"other"})
    assert shop.made() == []
    with pytest.raises(BuildError, match='no secret "token"') as caught:
        shop.build("FROM busybox:1\nRUN --mount=type=secret,id=token,required true\n")
    assert caught.value.span is not None
    assert caught.value.hint == "secrets given: none"


def test_tmpfs_and_network_none(shop: Workshop) -> None:
    image = shop.build(
        "FROM busybox:1\nRUN --network=none --mount=type=tmpfs,target=/scratch,size=1m "
        "touch /scratch/x && grep -c : /proc/net/dev > /interfaces\n"
    )
    assert shop.files(image) == {"interfaces": "0644 0:0 1\n"}


def test_a_network_of_containers_is_refused(shop: Workshop) -> None:
    with pytest.raises(BuildError, match='cannot be in the network "backend"'):
        shop.build("FROM busybox:1\nRUN true\n", network="backend")


RIGHTS = [("--security=insecure", "security.insecure"), ("--network=host", "network.host")]


@pytest.mark.parametrize(("flag", "right"), RIGHTS)
def test_rights_have_to_be_allowed(shop: Workshop, flag: str, right: str) -> None:
    text = f"FROM busybox:1\nRUN touch /made\nRUN {flag} grep CapEff /proc/self/status > /rights\n"
    with pytest.raises(BuildError, match="is not allowed") as caught:
        shop.build(text)
    assert caught.value.span is not None
    assert caught.value.span.line == 3
    assert shop.made() == []
    image = shop.build(text, allow=frozenset({right}))
    (bits,) = re.findall(r"CapEff:\s*([0-9a-f]+)", shop.read(image, "rights"))
    sys_admin = int(bits, 16) >> 21 & 1
    assert sys_admin == (flag == "--security=insecure")


def test_limits(shop: Workshop) -> None:
    text = "FROM busybox:1\nRUN ulimit -n > /soft; ulimit -Hn > /hard\n"
    image = shop.build(text, ulimits=(("nofile", 100, 200),))
    assert shop.read(image, "soft") + shop.read(image, "hard") == "100\n200\n"
    with pytest.raises(CaisError, match='"nofiles" is not a resource limit'):
        shop.build(text + "RUN true\n", ulimits=(("nofiles", 1, 1),))


BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def test_the_hosts_certificates_are_lent(shop: Workshop, tmp_path: Path) -> None:
    host = tmp_path / "host.crt"
    host.write_text("HOST\n")
    environment = {"SSL_CERT_FILE": str(host), "https_proxy": "http://proxy:1"}
    shop.write({"etc/ssl/certs/ca-certificates.crt": "IMAGE\n"})
    base = shop.build("FROM busybox:1\nCOPY . /\n", tags=("test/ca:1",))
    image = shop.build(
        f"FROM test/ca:1\nRUN cat {BUNDLE} $SSL_CERT_FILE $PIP_CERT; echo $HTTPS_PROXY $https_proxy\n"
        f"RUN echo ADDED >> {BUNDLE}; chmod 600 {BUNDLE}\nRUN cp {BUNDLE} /x; mv {BUNDLE} {BUNDLE}.old; echo NEW > {BUNDLE}\n",
        host_ca=True,
        environment=environment,
    )
    assert shop.output() == "HOST\nHOST\nHOST\nhttp://proxy:1 http://proxy:1\n"
    assert shop.layer(image, 2) == []
    assert shop.read(image, BUNDLE[1:]) == "NEW\n"
    assert "run" not in shop.files(image)
    added = shop.layer(image, 3)
    assert added == ["etc", "etc/ssl", "etc/ssl/certs", "etc/ssl/certs/ca-certificates.crt"]
    assert Path(image.snapshot_paths[3], BUNDLE[1:]).read_text() == "IMAGE\nADDED\n"
    assert len(image.snapshot_paths) == len(base.snapshot_paths) + 3


def test_lent_certificates_do_not_change_the_image(shop: Workshop, tmp_path: Path) -> None:
    shop.write({"etc/ssl/certs/ca-certificates.crt": "IMAGE\n"})
    text = "FROM busybox:1\nCOPY etc /etc\nRUN touch /etc/ssl/certs/another\n"
    (tmp_path / "host.crt").write_text("HOST\n")
    plain = shop.build(text)
    lent = shop.build(text, no_cache=True, host_ca=True, environment={"SSL_CERT_FILE": str(tmp_path / "host.crt")})
    assert lent.id == plain.id
    assert os.path.exists(lent.snapshot_paths[-1])
