"""A type for each Dockerfile instruction (Dockerfile reference). Words are not yet expanded: expansion needs the build's state."""

from __future__ import annotations

import enum

import msgspec

from cais.errors import Span


class Heredoc(msgspec.Struct, frozen=True, kw_only=True):
    """A here-document. `expand` is False when its delimiter was quoted; `content` ends with a newline unless empty.

    `chomp` for `<<-`: the tabs that began its lines are gone from `content` already.
    """

    name: str
    content: str
    expand: bool = True
    chomp: bool = False
    file_descriptor: int = 0


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """A command in exec form (`argv`) or shell form (one string in `argv`, run by SHELL)."""

    argv: tuple[str, ...]
    shell: bool
    heredocs: tuple[Heredoc, ...] = ()


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """Common to all: where it stands, and its text as written (continuations joined), for messages and history.

    `span` marks the first line; `end_line` is the last line, here-documents included (0 when made without a file).
    """

    span: Span
    text: str
    end_line: int = 0


class From(Instruction, frozen=True, kw_only=True, tag=True):
    """FROM [--platform=P] image [AS name]."""

    image: str
    name: str = ""
    platform: str = ""


class Arg(Instruction, frozen=True, kw_only=True, tag=True):
    """ARG name[=default] ...; None for no default."""

    arguments: tuple[tuple[str, str | None], ...]


class Env(Instruction, frozen=True, kw_only=True, tag=True):
    """ENV name=value ... (or the old form with a blank)."""

    variables: tuple[tuple[str, str], ...]


class Label(Instruction, frozen=True, kw_only=True, tag=True):
    """LABEL name=value ...."""

    labels: tuple[tuple[str, str], ...]


class Run(Instruction, frozen=True, kw_only=True, tag=True):
    """RUN; mounts are kept as option lists (`--mount=type=cache,target=/x` is (("type", "cache"), ("target", "/x")); a bare option has value "")."""

    command: CommandLine
    mounts: tuple[tuple[tuple[str, str], ...], ...] = ()
    network: str = ""
    security: str = ""


class Copy(Instruction, frozen=True, kw_only=True, tag=True):
    """COPY sources... destination. Heredoc sources stand in `heredocs`, not in `sources`."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    from_: str = msgspec.field(default="", name="from")
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


class Add(Instruction, frozen=True, kw_only=True, tag=True):
    """ADD sources... destination. `unpack`: None for the default (local archives are unpacked)."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...] = ()
    chown: str = ""
    chmod: str = ""
    link: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


class Cmd(Instruction, frozen=True, kw_only=True, tag=True):
    """CMD."""

    command: CommandLine


class Entrypoint(Instruction, frozen=True, kw_only=True, tag=True):
    """ENTRYPOINT."""

    command: CommandLine


class Shell(Instruction, frozen=True, kw_only=True, tag=True):
    """SHELL ["executable", "parameter", ...]."""

    argv: tuple[str, ...]


class Workdir(Instruction, frozen=True, kw_only=True, tag=True):
    """WORKDIR path."""

    path: str


class User(Instruction, frozen=True, kw_only=True, tag=True):
    """USER user[:group]."""

    user: str


class Expose(Instruction, frozen=True, kw_only=True, tag=True):
    """EXPOSE port[/protocol] ...."""

    ports: tuple[str, ...]


class Volume(Instruction, frozen=True, kw_only=True, tag=True):
    """VOLUME path ...."""

    paths: tuple[str, ...]


class StopSignal(Instruction, frozen=True, kw_only=True, tag=True):
    """STOPSIGNAL signal."""

    signal: str


class Healthcheck(Instruction, frozen=True, kw_only=True, tag=True):
    """HEALTHCHECK NONE (`command` None) or HEALTHCHECK [options] CMD command. Times as written."""

    command: CommandLine | None
    interval: str = ""
    timeout: str = ""
    start_period: str = ""
    start_interval: str = ""
    retries: str = ""


class Maintainer(Instruction, frozen=True, kw_only=True, tag=True):
    """MAINTAINER name (deprecated)."""

    name: str


class Onbuild(Instruction, frozen=True, kw_only=True, tag=True):
    """ONBUILD instruction: kept as text for the image config, and parsed to be checked."""

    trigger: str


StageInstruction = (
    Arg
    | Env
    | Label
    | Run
    | Copy
    | Add
    | Cmd
    | Entrypoint
    | Shell
    | Workdir
    | User
    | Expose
    | Volume
    | StopSignal
    | Healthcheck
    | Maintainer
    | Onbuild
)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """From one FROM to the next. `index` counts from 0; `name` is "" when unnamed (lower case else)."""

    index: int
    base: From
    instructions: tuple[StageInstruction, ...]

    @property
    def name(self) -> str:
        """The stage's name, "" when it has none."""
        return self.base.name


class LintLevel(enum.Enum):
    """How a remark of the parser is meant."""

    WARNING = "warning"


class Dockerfile(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed Dockerfile: parser directives, ARGs before the first FROM, stages."""

    file: str
    directives: tuple[tuple[str, str], ...]
    global_arguments: tuple[Arg, ...]
    stages: tuple[Stage, ...]

    @property
    def escape(self) -> str:
        """The escape character: a backslash, or what the `escape` directive says."""
        return dict(self.directives).get("escape", "\\")
