"""A Dockerfile must become the image Docker makes of it: files, config, history, layers, cache."""

import pytest
from tests.e2e.build.workshop import Workshop

from cais.errors import BuildError
from cais.events import StepEvent

pytestmark = pytest.mark.root

ORDINARY = """
FROM busybox:1
ENV COLOR=blue
WORKDIR /app
COPY requirements.txt .
RUN echo installed $COLOR > /app/installed
COPY . .
USER ana
EXPOSE 8000
LABEL title="A thing"
CMD ["echo", "hello"]
"""


def test_an_ordinary_dockerfile(shop: Workshop) -> None:
    shop.write({"requirements.txt": "flask\n", "src/main.py": "print(1)\n"})
    image = shop.build(ORDINARY, tags=("test/ordinary:1",))
    assert shop.files(image) == {
        "app": "0755 0:0 /",
        "app/installed": "0644 0:0 installed blue\n",
        "app/requirements.txt": "0644 0:0 flask\n",
        "app/src": "0755 0:0 /",
        "app/src/main.py": "0644 0:0 print(1)\n",
    }
    config = image.config.config
    assert config.env == ("PATH=/bin", "BASE=yes", "COLOR=blue")
    assert (config.user, config.working_dir, config.cmd) == ("ana", "/app", ("echo", "hello"))
    assert (dict(config.exposed_ports), dict(config.labels)) == ({"8000/tcp": {}}, {"title": "A thing"})
    assert image.references == ("docker.io/test/ordinary:1",)
    made = [line for line in image.config.history if not line.empty_layer]
    assert len(made) == len(image.config.rootfs.diff_ids)
    assert [line.created_by for line in image.config.history][1:4] == [
        "ENV COLOR=blue",
        "WORKDIR /app",
        "COPY requirements.txt .",
    ]


def test_a_second_build_makes_nothing(shop: Workshop) -> None:
    shop.write({"requirements.txt": "flask\n", "src/main.py": "print(1)\n"})
    first = shop.build(ORDINARY, tags=("test/ordinary:1",))
    assert len(shop.made()) == 4
    second = shop.build(ORDINARY, tags=("test/ordinary:1",))
    assert (second.id, shop.made()) == (first.id, [])


def test_a_change_is_made_from_there_on_and_said_why(shop: Workshop) -> None:
    shop.write({"requirements.txt": "flask\n", "src/main.py": "print(1)\n"})
    shop.build(ORDINARY)
    shop.write({"src/main.py": "print(2)\n"})
    shop.build(ORDINARY)
    assert shop.made() == ["[5/5] COPY . ."]
    causes = [each.detail for each in shop.events if isinstance(each, StepEvent) and each.detail]
    assert causes == ['"src/main.py" changed']
    shop.build(ORDINARY.replace("echo installed", "echo was installed"))
    assert shop.made() == ["[4/5] RUN echo was installed $COLOR > /app/installed", "[5/5] COPY . ."]


def test_metadata_does_not_make_steps_again(shop: Workshop) -> None:
    shop.write({"requirements.txt": "flask\n"})
    shop.build(ORDINARY)
    image = shop.build(ORDINARY.replace("8000", "9000").replace("A thing", "Another"))
    assert shop.made() == []
    assert "9000/tcp" in image.config.config.exposed_ports


def test_two_clean_builds_give_one_id(shop: Workshop) -> None:
    shop.write({"requirements.txt": "flask\n", "src/main.py": "print(1)\n"})
    first = shop.build(ORDINARY)
    second = shop.build(ORDINARY, no_cache=True)
    assert second.id == first.id
    assert first.config.created == "1980-01-01T00:00:00.000000Z"


def test_a_failing_run_names_line_code_and_output(shop: Workshop) -> None:
    with pytest.raises(BuildError, match="exit code 3") as caught:
        shop.build("FROM busybox:1\n\nRUN echo before; \\\n  echo sorry >&2; exit 3\n")
    assert str(caught.value.span) == "Dockerfile:3:1"
    assert caught.value.details == ("before", "sorry")


def test_stages_copy_from_each_other_and_unneeded_ones_are_left(shop: Workshop) -> None:
    image = shop.build(
        """
        FROM busybox:1 AS one
        RUN mkdir /out && echo one > /out/one && chown ana:staff /out/one && ln -s one /out/link
        FROM busybox:1 AS unused
        RUN exit 1
        FROM busybox:1 AS two
        RUN echo two > /two
        FROM scratch
        COPY --from=one /out /
        COPY --from=two --chown=7 --chmod=640 /two /sub/
        COPY --from=busybox:1 /etc/group /group
        """
    )
    assert {name: text for name, text in shop.files(image).items() if name != "group"} == {
        "one": "0644 1000:50 one\n",
        "link": "-> one",
        "sub": "0755 7:7 /",
        "sub/two": "0640 7:7 two\n",
    }


FORMS = """ARG GLOBAL=g
FROM busybox:1
ARG GLOBAL
ARG VERSION=1
ENV VERSION=2
RUN ["/bin/sh", "-c", "echo exec $GLOBAL $VERSION $0 > /exec", "zero"]
RUN <<EOF
echo script > /script
pwd >> /script
EOF
RUN <<EOF
#!/bin/cat
this is shown
EOF
RUN cat > /shell <<EOF
to the shell $GLOBAL
EOF
WORKDIR sub
WORKDIR deep
USER ana
RUN id -u > /tmp/who; pwd >> /tmp/who; echo $HOME >> /tmp/who
COPY <<one <<"two" /here/
$GLOBAL
one
$GLOBAL
two
"""


def test_run_forms_and_arguments(shop: Workshop) -> None:
    image = shop.build(FORMS, arguments={"GLOBAL": "given", "UNKNOWN": "x"})
    files = shop.files(image)
    assert files["exec"] == "0644 0:0 exec given 2 zero\n"
    assert files["script"] == "0644 0:0 script\n/\n"
    assert files["shell"] == "0644 0:0 to the shell given\n"
    assert files["sub/deep"] == "0755 0:0 /"
    assert files["tmp/who"] == "0644 1000:1001 1000\n/sub/deep\n/home/ana\n"
    assert (files["here/one"], files["here/two"]) == ("0644 0:0 given\n", "0644 0:0 $GLOBAL\n")
    assert "this is shown" in shop.output()
    assert "dev" not in files


def test_a_workdir_belongs_to_the_user(shop: Workshop) -> None:
    image = shop.build("FROM busybox:1\nUSER ana\nWORKDIR /srv/app\nWORKDIR /tmp\n")
    assert shop.files(image) == {"srv": "0755 1000:1001 /", "srv/app": "0755 1000:1001 /"}
    assert [line.empty_layer for line in image.config.history][1:] == [True, False, True]


def test_onbuild_runs_in_the_child(shop: Workshop) -> None:
    shop.write({"code": "x\n"})
    parent = "FROM busybox:1\nONBUILD COPY code /code\nONBUILD RUN cat /code > /copy\n"
    base = shop.build(parent, tags=("test/parent:1",))
    assert base.config.config.on_build == ("COPY code /code", "RUN cat /code > /copy")
    child = shop.build("FROM test/parent:1\nENV A=1\n")
    assert shop.files(child)["copy"] == "0644 0:0 x\n"
    assert child.config.config.on_build == ()
