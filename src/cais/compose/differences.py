"""Where Cais knowingly reads or shows a project otherwise than Docker Compose, each with its reason.

One list for two uses: docs/compose-support.md is made from it, and the test that runs both programs side by side accepts these differences and no
others. A row that no longer differs fails there.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

REFUSED = "(Cais refuses it)"
LOADED = "(Docker Compose refuses it)"
COMPARED_WITH = "Docker Compose 2.40"


class Difference(msgspec.Struct, frozen=True):
    """One difference: what is written, what either program makes of it, why Cais does so.

    `cases` are those of the corpus that show it; `at` are patterns (of `fnmatch`) of the values that differ, or `REFUSED`, or `LOADED`.
    """

    what: str
    docker_compose: str
    cais: str
    why: str
    cases: tuple[str, ...]
    at: tuple[str, ...] = (LOADED,)


DIFFERENCES: tuple[Difference, ...] = (
    # refused here alone
    Difference(
        "`restart: sometimes`",
        "loads; the engine refuses it later",
        "is an error with its line",
        "no policy has this name",
        ("invalid-restart",),
        (REFUSED,),
    ),
    Difference(
        "a mount on a relative path, `/a:b`",
        "loads; the engine refuses it later",
        "is an error with its line",
        "a place in a container is absolute",
        ("invalid-volume-relative-target",),
        (REFUSED,),
    ),
    Difference(
        "`.inf`, `.nan` as a value",
        "becomes the text `+Inf`",
        "is an error with its line",
        "in quotes it is text; as a number it means nothing",
        ("scalars-infinity",),
        (REFUSED,),
    ),
    # loaded here alone
    Difference(
        "a date without quotes",
        "is an error that names no line",
        "is text",
        "YAML 1.2 has no dates",
        ("scalars-dates",),
    ),
    Difference(
        "an empty document between others",
        "is an error",
        "is passed over",
        "there is nothing to get wrong",
        ("documents-empty",),
    ),
    Difference(
        "`${A:-${B:?needed}}` with `A` set",
        "demands `B`",
        "does not look at the default",
        "the default is not needed; shells do so too",
        ("variables-default-not-needed",),
    ),
    Difference(
        "a default of several lines",
        "is an error",
        "is put in",
        "the specification sets no limit",
        ("variables-multi-line-default",),
    ),
    Difference(
        "a variable for `depends_on.*.required` and the like",
        "is an error: only `true` or `false` may stand there",
        "is put in, then cast",
        "variables may stand in every value",
        ("variables-typed-literals",),
    ),
    Difference(
        "an entry that stands twice in `group_add`, `security_opt`, ...",
        "is an error, also when it comes from two files",
        "is a warning",
        "nothing is lost without the second one",
        ("group-add-twice", "merge-security-opt-twice"),
    ),
    Difference(
        "a list over a single value, a text over a mapping (`provider.options`, `x-`)",
        "is an error",
        "takes its place",
        "an override says what holds",
        ("merge-provider", "merge-types-differ"),
    ),
    Difference(
        "`cpus` (`mem_limit`, `pids_limit`) beside a `deploy` that limits something else",
        "is an error: it compares with the limit that is not there",
        "loads",
        "the two do not contradict each other",
        ("limits-beside-deploy",),
    ),
    Difference(
        "a dependency with `required: false` on a service that is not defined",
        "is an error",
        "is a warning",
        "the specification wants a warning",
        ("depends-on-optional-undefined",),
    ),
    Difference(
        "`cpu_rt_period: 1400us`",
        "is an error: only numbers are taken",
        "is 1400 microseconds",
        "the specification has durations here",
        ("attribute-cpu-rt-duration",),
    ),
    Difference(
        "`ports: ['::1:80:80']`",
        "is an error",
        "is an IPv6 address",
        "it can be read in one way only",
        ("ports-bare-ipv6",),
    ),
    Difference(
        "a secret with a `driver`",
        "is an error",
        "loads; `up` refuses it",
        "the specification has it",
        ("top-secret-driver",),
    ),
    Difference(
        "`build.ssh` with a key",
        "`--format json` fails",
        "is shown as `NAME=PATH`",
        "this is how it is written",
        ("attribute-build-ssh",),
    ),
    Difference(
        "`--no-interpolate` where a ulimit is a variable",
        "is an error",
        "is shown",
        "what is not put in cannot be wrong yet",
        ("no-interpolate-ulimits",),
    ),
    # read otherwise
    Difference(
        "a volume whose name is one letter, `v:/v`",
        "is read as a path on a Windows drive",
        "is the volume `v`",
        "Cais runs on Linux",
        ("volume-one-letter",),
        ("services.a.volumes*", "volumes"),
    ),
    Difference(
        "`driver_opts: {o: 'bind,ro', device: ./data}`",
        "leaves the path relative: only `o: bind` alone is known",
        "makes the path absolute",
        "the kernel would look for it in the engine's folder",
        ("top-volumes",),
        ("volumes.col.driver_opts.device",),
    ),
    Difference(
        "`environment: {NAME: }` in an included file whose own env file sets `NAME`",
        "finds no value (in a list it does)",
        "takes that value",
        "list and mapping mean the same",
        ("include-map-null-environment",),
        ("services.i.environment.TAG",),
    ),
    # shown otherwise
    Difference(
        "`config --no-env-resolution`",
        "reads the env files all the same",
        "leaves them unread",
        "that is what the flag says",
        ("no-env-resolution",),
        ("services.a.env_file", "services.a.environment.B"),
    ),
    Difference(
        "`config`: a `$` in a key",
        "is doubled",
        "stays as it is",
        "in keys no variables are put in, so the doubled one would stay doubled",
        ("variables-not-in-keys",),
        ("services.a.labels.*",),
    ),
    Difference(
        "`config --format json`: `x-` below the top level",
        "is left out (its YAML has it)",
        "is shown",
        "it is part of the file",
        ("extensions-everywhere",),
        ("*.x-*",),
    ),
    Difference(
        "`config --format json`: `models` of the top level",
        "is left out (its YAML has it)",
        "is shown",
        "services refer to it",
        ("attribute-models", "merge-models"),
        ("models",),
    ),
    Difference(
        "`config`: devices of `blkio_config`",
        "are shown with `Path`, `Rate`, `Weight`",
        "are shown with `path`, `rate`, `weight`",
        "no Compose file has the others",
        ("attribute-blkio", "merge-blkio"),
        ("services.a.blkio_config.*",),
    ),
    Difference(
        "`config --format json`: watch rules without `exec`",
        'have `"exec": {"command": null}`',
        "have none",
        "it would not load again",
        ("attribute-develop", "merge-develop", "extends-develop"),
        ("services.a.develop.watch*.exec",),
    ),
    Difference(
        "`config`: a ulimit of 0",
        "is shown as `{}`",
        "is shown as 0",
        "it would not load again",
        ("attribute-ulimits-zero", "attribute-ulimits", "merge-ulimits"),
        ("services.a.ulimits.core*",),
    ),
    Difference(
        "`config`: `create_host_path: false`",
        "is left out",
        "is shown",
        "silence means true in the specification",
        ("attribute-volumes-long",),
        ("services.a.volumes*.bind.create_host_path",),
    ),
    Difference(
        "`config`: `ipam.options` of a network",
        "is left out",
        "is shown",
        "it is part of the file",
        ("top-networks",),
        ("networks.n.ipam.options",),
    ),
)


def markdown() -> Iterator[str]:
    """The lines of their section of docs/compose-support.md."""
    yield "## Where Cais differs from Docker Compose"
    yield ""
    yield f"`cais config` was compared with {COMPARED_WITH} over the files in `tests/conformance/compose/cases`. What differs is here, and nothing else does (a test compares)."
    yield "The hashes of `config --hash` are Cais's own."
    yield ""
    yield "| what is written | Docker Compose | Cais | because |"
    yield "|--|--|--|--|"
    for row in DIFFERENCES:
        yield f"| {row.what} | {row.docker_compose} | {row.cais} | {row.why} |"
