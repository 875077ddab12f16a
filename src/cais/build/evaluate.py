"""A stage's instructions to its steps, its image config and its history. Pure: nothing is run or read."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

import msgspec

from cais.build import gitaddress, words
from cais.build.gitaddress import GitAddress
from cais.build.scope import Arguments
from cais.build.sources import Context, Source
from cais.build.steps.model import CopyStep, InlineFile, RunStep, Step, WorkdirStep
from cais.build.steps.options import read_mount
from cais.dockerfile.expansion import expand_instruction
from cais.dockerfile.heredoc import marker
from cais.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    CommandLine,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    StageInstruction,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from cais.errors import InvalidDockerfile, Problem, Span
from cais.images.model import RunConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")
_SCRIPTS = "/dev/pipes/"


class Line(msgspec.Struct, frozen=True):
    """A line of history: what it says, and the number (from 0) of the step that may have made a layer for it."""

    created_by: str
    step: int | None = None


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage's text comes to. `variables` are those of ENV and ARG together, as they are at its end, and `arguments` the names of
    those that an ARG set last (stages that start from this one know both)."""

    config: RunConfig
    steps: tuple[Step, ...] = ()
    lines: tuple[Line, ...] = ()
    variables: Mapping[str, str] | None = None
    arguments: frozenset[str] = frozenset()
    author: str = ""


SCRATCH = Evaluated(config=RunConfig(env=(f"PATH={DEFAULT_PATH}",), working_dir="/"))


def beginning_with(context: Context, line: From) -> Evaluated:
    """A stage that begins with the files of a context and nothing else."""
    step = CopyStep(span=line.span, text=line.text, sources=(".",), order=(".",), destination="/", source=context)
    return msgspec.structs.replace(SCRATCH, steps=(step,), lines=(Line(line.text, 0),))


def evaluate(
    base: Evaluated, instructions: Iterable[StageInstruction], arguments: Arguments, find: Callable[[str, Span], Source]
) -> Evaluated:
    """Apply `instructions` to what `base` left (its steps come first). `find` says what a name after `from=` means. Raises InvalidDockerfile."""
    state = _State(base, arguments, find)
    for instruction in instructions:
        expanded = expand_instruction(instruction, state.lookup, escape=arguments.escape)
        _APPLY[type(expanded)](state, expanded)
    return state.result()


class _State:
    """A stage while it is read."""

    def __init__(self, base: Evaluated, arguments: Arguments, find: Callable[[str, Span], Source]) -> None:
        self.config = base.config
        self.env = dict(entry.partition("=")[::2] for entry in base.config.env)
        # What RUN and `$NAME` see. An ARG after an ENV of its name replaces it for the rest of the stage, not in the image.
        self.variables = dict(self.env if base.variables is None else base.variables)
        self.declared = set(base.arguments)
        self.arguments = arguments
        self.find = find
        self.author = base.author
        self.command_set = False
        self._steps: list[Step] = list(base.steps)
        self._lines: list[Line] = list(base.lines)

    def lookup(self, name: str) -> str | None:
        """A variable's value."""
        return self.variables.get(name)

    def change(self, created_by: str, **fields: object) -> None:
        """Change the config and note it in the history."""
        self.config = msgspec.structs.replace(self.config, **fields)
        self._lines.append(Line(created_by))

    def add(self, step: Step, created_by: str) -> None:
        """Add a step."""
        self._lines.append(Line(created_by, len(self._steps)))
        self._steps.append(step)

    def shell_argv(self, command: CommandLine) -> tuple[str, ...]:
        """A command as it is started: the shell form is given to SHELL."""
        if not command.shell:
            return command.argv
        return (*(self.config.shell or DEFAULT_SHELL), *command.argv)

    def absolute(self, path: str) -> str:
        """`path` seen from WORKDIR, clean."""
        joined = posixpath.normpath(posixpath.join("/", self.config.working_dir, path))
        return "/" + joined.lstrip("/")

    def result(self) -> Evaluated:
        return Evaluated(
            config=self.config,
            steps=tuple(self._steps),
            lines=tuple(self._lines),
            variables=self.variables,
            arguments=frozenset(self.declared),
            author=self.author,
        )


def _arg(state: _State, arg: Arg) -> None:
    for name, default in arg.arguments:
        value = state.arguments.declared(name, default)
        if value is not None:
            state.variables[name] = value
            state.declared.add(name)
    shown = " ".join(name if value is None else f"{name}={value}" for name, value in arg.arguments)
    state.change(f"ARG {shown}")


def _env(state: _State, env: Env) -> None:
    state.env.update(env.variables)
    state.variables.update(env.variables)
    state.declared.difference_update(name for name, _ in env.variables)
    entries = tuple(f"{name}={value}" for name, value in state.env.items())
    state.change("ENV " + " ".join(f"{name}={value}" for name, value in env.variables), env=entries)


def _label(state: _State, label: Label) -> None:
    shown = " ".join(f"{name}={value}" for name, value in label.labels)
    state.change(f"LABEL {shown}", labels={**state.config.labels, **dict(label.labels)})


def _run(state: _State, run: Run) -> None:
    command, script = _command(run)
    argv = state.shell_argv(command)
    arguments = {name: value for name, value in state.variables.items() if name in state.declared}
    step = RunStep(
        span=run.span,
        text=run.text,
        argv=argv,
        environment=dict(state.variables),
        user=state.config.user,
        working_dir=state.config.working_dir or "/",
        mounts=tuple(
            read_mount(options, state.config.working_dir, lambda name: state.find(name, run.span), run.span)
            for options in run.mounts
        ),
        network=run.network or "default",
        insecure=run.security == "insecure",
        script=script,
    )
    prefix = (
        f"|{len(arguments)} {' '.join(f'{name}={value}' for name, value in arguments.items())} " if arguments else ""
    )
    state.add(step, f"RUN {prefix}{' '.join(argv)}")


def _command(run: Run) -> tuple[CommandLine, InlineFile | None]:
    """The command of a RUN with its here-documents: one that stands alone is the script, others are left to the shell."""
    command = run.command
    if not command.heredocs:
        return command, None
    first = command.heredocs[0]
    if marker(command.argv[0]) is None:
        bodies = "".join(f"\n{each.content}{each.name}" for each in command.heredocs)
        return CommandLine(argv=(command.argv[0] + bodies,), shell=True), None  # noqa: S604 - a field
    content = first.content
    if content.startswith("#!"):
        script = InlineFile(_SCRIPTS + first.name, content)
        return CommandLine(argv=(script.name,), shell=False), script
    return CommandLine(argv=(content,), shell=True), None  # noqa: S604 - a field


def _copy(state: _State, copy: Copy) -> None:
    remote = next((source for source in copy.sources if words.is_remote(source)), None)
    if remote is not None:
        raise InvalidDockerfile([Problem(f'COPY cannot fetch "{remote}"', copy.span, "write ADD")])
    source = state.find(copy.from_, copy.span) if copy.from_ else Context()
    step = CopyStep(
        span=copy.span,
        text=copy.text,
        sources=copy.sources,
        order=copy.sources,
        destination=_destination(state, copy),
        source=source,
        inline=tuple(InlineFile(each.name, each.content) for each in copy.heredocs),
        chown=copy.chown,
        chmod=copy.chmod,
        exclude=copy.exclude,
        parents=copy.parents,
        link=_is_linked(copy),
    )
    state.add(step, f"COPY {_transfer_text(copy)}")


def _add(state: _State, add: Add) -> None:
    order = tuple(_source(source, add) for source in add.sources)
    repositories = tuple(source for source in order if isinstance(source, GitAddress))
    addresses = tuple(source for source in order if isinstance(source, str) and words.is_web(source))
    local = tuple(source for source in order if isinstance(source, str) and source not in addresses)
    if add.checksum and (len(order) != 1 or local or add.heredocs):
        message = "--checksum needs exactly one address as the source"
        raise InvalidDockerfile([Problem(message, add.span, "write an ADD for each")])
    step = CopyStep(
        span=add.span,
        text=add.text,
        sources=local,
        order=order,
        destination=_destination(state, add),
        inline=tuple(InlineFile(each.name, each.content) for each in add.heredocs),
        chown=add.chown,
        chmod=add.chmod,
        exclude=add.exclude,
        unpack=add.unpack is not False,
        addresses=addresses,
        repositories=repositories,
        unpack_fetched=add.unpack is True,
        checksum="" if repositories else add.checksum,
        link=_is_linked(add),
    )
    state.add(step, f"ADD {_transfer_text(add)}")


def _source(text: str, add: Add) -> str | GitAddress:
    """A source of ADD: a repository, an address or a path. Raises InvalidDockerfile."""
    try:
        repository = gitaddress.parse(text)
        if repository is None:
            return text
        gitaddress.check_checksum(add.checksum)
    except gitaddress.BadAddress as error:
        hint = "write REPOSITORY#REF:FOLDER"
        raise InvalidDockerfile([Problem(f'ADD cannot read the address "{text}": {error}', add.span, hint)]) from error
    return msgspec.structs.replace(
        repository,
        keep_git_dir=repository.keep_git_dir or add.keep_git_dir,
        checksum=repository.checksum or add.checksum,
    )


def _is_linked(transfer: Copy | Add) -> bool:
    """Whether --link has an effect: BuildKit leaves it out together with --chmod. Raises InvalidDockerfile for names of owners, which are
    in a file of the image that --link does not look at."""
    if transfer.link and not all(part.isdecimal() for part in transfer.chown.split(":") if part):
        hint = "write numbers, UID or UID:GID, or remove --link"
        raise InvalidDockerfile([Problem(f'--link cannot know the owner "{transfer.chown}"', transfer.span, hint)])
    return transfer.link and not transfer.chmod


def _destination(state: _State, transfer: Copy | Add) -> str:
    written = transfer.destination
    absolute = state.absolute(written)
    is_folder = written.endswith("/") or posixpath.basename(written) in (".", "..") or absolute == "/"
    if len(transfer.sources) + len(transfer.heredocs) > 1 and not is_folder:
        raise InvalidDockerfile(
            [
                Problem(
                    f'several sources go to "{written}", which does not end in a slash',
                    transfer.span,
                    f'write "{written}/": the destination of several sources is a folder',
                )
            ]
        )
    return absolute.rstrip("/") + "/" if is_folder else absolute


def _transfer_text(transfer: Copy | Add) -> str:
    flags = [f"--{name}={value}" for name in ("chown", "chmod") if (value := getattr(transfer, name))]
    if isinstance(transfer, Copy) and transfer.from_:
        flags.append(f"--from={transfer.from_}")
    names = [f"<<{each.name}" for each in transfer.heredocs]
    return " ".join([*flags, *transfer.sources, *names, transfer.destination])


def _workdir(state: _State, workdir: Workdir) -> None:
    path = state.absolute(workdir.path)
    # The config keeps an absolute path as it is written, as Docker's does.
    written = workdir.path if workdir.path.startswith("/") else path
    state.config = msgspec.structs.replace(state.config, working_dir=written)
    step = WorkdirStep(span=workdir.span, text=workdir.text, path=path, user=state.config.user)
    state.add(step, f"WORKDIR {path}")


def _user(state: _State, user: User) -> None:
    state.change(f"USER {user.user}", user=user.user)


def _cmd(state: _State, cmd: Cmd) -> None:
    argv = state.shell_argv(cmd.command)
    state.command_set = True
    state.change(f"CMD {words.shown_list(argv)}", cmd=argv)


def _entrypoint(state: _State, entrypoint: Entrypoint) -> None:
    argv = state.shell_argv(entrypoint.command)
    # A CMD inherited from the base image was meant for its entry point (Dockerfile reference, "Understand how CMD and ENTRYPOINT interact").
    cmd = state.config.cmd if state.command_set else None
    state.change(f"ENTRYPOINT {words.shown_list(argv)}", entrypoint=argv, cmd=cmd)


def _shell(state: _State, shell: Shell) -> None:
    state.change(f"SHELL {words.shown_list(shell.argv)}", shell=shell.argv)


def _expose(state: _State, expose: Expose) -> None:
    ports = [port for text in expose.ports for port in words.ports(text, expose.span)]
    shown = " ".join(f"{port}:{{}}" for port in sorted(set(ports)))
    state.change(f"EXPOSE map[{shown}]", exposed_ports={**state.config.exposed_ports, **{port: {} for port in ports}})


def _volume(state: _State, volume: Volume) -> None:
    paths = [path.strip() for path in volume.paths]
    state.change(f"VOLUME {words.shown_list(paths)}", volumes={**state.config.volumes, **{path: {} for path in paths}})


def _stop_signal(state: _State, stop: StopSignal) -> None:
    state.change(f"STOPSIGNAL {stop.signal}", stop_signal=words.signal(stop.signal, stop.span))


def _healthcheck(state: _State, check: Healthcheck) -> None:
    state.change(check.text, healthcheck=words.health(check))


def _maintainer(state: _State, maintainer: Maintainer) -> None:
    state.author = maintainer.name
    state.change(f"MAINTAINER {maintainer.name}")


def _onbuild(state: _State, onbuild: Onbuild) -> None:
    state.change(f"ONBUILD {onbuild.trigger}", on_build=(*state.config.on_build, onbuild.trigger))


# One row an instruction; each function takes exactly the type that is its key.
_APPLY: Mapping[type, Callable[..., None]] = {
    Add: _add,
    Arg: _arg,
    Cmd: _cmd,
    Copy: _copy,
    Entrypoint: _entrypoint,
    Env: _env,
    Expose: _expose,
    Healthcheck: _healthcheck,
    Label: _label,
    Maintainer: _maintainer,
    Onbuild: _onbuild,
    Run: _run,
    Shell: _shell,
    StopSignal: _stop_signal,
    User: _user,
    Volume: _volume,
    Workdir: _workdir,
}
