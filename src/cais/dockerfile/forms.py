"""One reader an instruction: from a statement's text to its typed value (Dockerfile reference, per instruction)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypedDict

import msgspec

from cais.dockerfile import flags as flagtable
from cais.dockerfile import heredoc, mounts, words
from cais.dockerfile.flags import Flags
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
    Heredoc,
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
from cais.dockerfile.lexer import Statement
from cais.dockerfile.suggest import did_you_mean, nearest
from cais.dockerfile.words import Token
from cais.errors import Problem, Span

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_DURATION = re.compile(r"[+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[+]?0")
_BELOW_MILLISECOND = re.compile(r"[+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs))+")
_NETWORKS = ("default", "none", "host")
_SECURITY = ("sandbox", "insecure")
_NOT_TRIGGERS = ("ONBUILD", "FROM", "MAINTAINER")


class Common(TypedDict):
    """The fields every instruction has, to be passed on."""

    span: Span
    text: str
    end_line: int


class Form:
    """One statement being read: its parts, and where complaints go."""

    __slots__ = ("arguments", "common", "escape", "flags", "keyword", "name", "problems", "statement")

    def __init__(self, statement: Statement, escape: str, problems: list[Problem], start: int = 0) -> None:
        split = words.split(statement.text, start)
        self.statement = statement
        self.escape = escape
        self.problems = problems
        self.keyword = split.keyword
        self.name = split.keyword.text.upper()
        self.arguments = split.arguments
        text = statement.text[split.keyword.offset :].strip()
        span = statement.span(split.keyword.offset, len(text))
        self.common = Common(span=span, text=text, end_line=statement.end_line)
        known = self.name in READERS or self.name == "FROM"
        self.flags = flagtable.read(self.name, split.flags, statement, problems) if known else Flags(())

    def complain(self, message: str, hint: str, token: Token | None = None) -> None:
        """Note a problem at `token`, or at the keyword."""
        span = self.statement.token_span(token or self.keyword)
        self.problems.append(Problem(message, span, hint))

    def needs(self, what: str, example: str) -> None:
        """Note that the arguments are missing or wrong in number."""
        self.complain(f"{self.name} needs {what}", f"write {self.name} {example}")

    def json(self, token: Token) -> tuple[str, ...] | None:
        """The strings of an array; None in shell form."""
        try:
            return words.json_strings(token.text)
        except words.NotStrings:
            self.complain("an array in exec form may hold only strings", "put each element in double quotes", token)
            return ()

    def command(self, token: Token) -> CommandLine:
        """Exec form if it is a JSON array, shell form otherwise."""
        argv = self.json(token)
        if argv is not None:
            return CommandLine(argv=argv, shell=False)
        return CommandLine(argv=(token.text,), shell=True, heredocs=self.statement.heredocs)  # noqa: S604 - a field

    def list(self, token: Token) -> tuple[Token, ...]:
        """A JSON array, or words between blanks."""
        found = self.json(token)
        if found is not None:
            return tuple(Token(text, token.offset, token.length) for text in found)
        return words.blank_separated(token)


def read(form: Form) -> StageInstruction | None:
    """The typed instruction of a statement; None when it is too wrong to have one. What is wrong goes to `form.problems`."""
    reader = READERS.get(form.name)
    if reader is None:
        known = [*READERS, "FROM"]
        near = nearest(form.name, known)
        hint = f'did you mean "{near}"?' if near else "the instructions are " + ", ".join(sorted(known))
        form.complain(f'unknown instruction "{form.keyword.text}"', hint)
        return None
    return reader(form)


def read_trigger(form: Form) -> StageInstruction | None:
    """As `read`, for an instruction that ONBUILD is to run."""
    if form.name in _NOT_TRIGGERS:
        form.complain(f"{form.name} cannot be triggered by ONBUILD", "use another instruction")
        return None
    return read(form)


def from_(form: Form) -> From | None:
    """FROM."""
    parts = words.blank_separated(form.arguments)
    as_name = len(parts) == 3 and parts[1].text.lower() == "as"
    if not as_name and len(parts) != 1:
        form.needs("an image, or an image AS a name", "IMAGE [AS NAME]")
        return None
    name = parts[2].text.lower() if as_name else ""
    if name and not _STAGE_NAME.fullmatch(name):
        hint = "begin with a letter; then letters, digits, - _ and . may follow"
        form.complain(f'"{parts[2].text}" is no valid stage name', hint, parts[2])
        name = ""
    return From(**form.common, image=parts[0].text, name=name, platform=form.flags.text("platform"))


def _arg(form: Form) -> Arg | None:
    tokens = words.quoted_words(form.arguments, form.escape)
    if not tokens:
        form.needs("a name", "NAME[=DEFAULT]")
        return None
    arguments: list[tuple[str, str | None]] = []
    for token in tokens:
        name, equals, value = token.text.partition("=")
        if not name:
            form.complain(f'"{token.text}" has no name before the =', "write NAME=VALUE", token)
        arguments.append((name, value if equals else None))
    return Arg(**form.common, arguments=tuple(arguments))


def _pairs(form: Form) -> tuple[tuple[str, str], ...]:
    tokens = words.quoted_words(form.arguments, form.escape)
    if not tokens:
        form.needs("a name and a value", "NAME=VALUE")
        return ()
    if "=" not in tokens[0].text:
        name, value = words.first_blank(form.arguments)
        if not value:
            form.complain(f'{form.name} "{name}" has no value', f"write {form.name} {name}=VALUE", tokens[0])
        return ((name, value),)
    pairs: list[tuple[str, str]] = []
    for token in tokens:
        name, equals, value = token.text.partition("=")
        if not equals:
            hint = "write NAME=VALUE; put quotes around a value with blanks"
            form.complain(f'"{token.text}" has no =', hint, token)
        elif not name:
            form.complain(f'"{token.text}" has no name before the =', "write NAME=VALUE", token)
        pairs.append((name, value))
    return tuple(pairs)


def _env(form: Form) -> Env:
    return Env(**form.common, variables=_pairs(form))


def _label(form: Form) -> Label:
    return Label(**form.common, labels=_pairs(form))


def _run(form: Form) -> Run | None:
    if not form.arguments.text:
        form.needs("a command", "COMMAND")
    command = form.command(form.arguments)
    if command.argv == () and not command.shell:
        form.complain("RUN has an empty command", 'write RUN ["PROGRAM", "ARGUMENT"]', form.arguments)
    return Run(
        **form.common,
        command=command,
        mounts=tuple(mounts.read(flag, form.statement, form.problems) for flag in form.flags.all("mount")),
        network=_choice(form, "network", _NETWORKS),
        security=_choice(form, "security", _SECURITY),
    )


def _choice(form: Form, name: str, known: tuple[str, ...]) -> str:
    for flag in form.flags.all(name):
        if flag.value not in known:
            hint = did_you_mean(flag.value, known, "write " + " or ".join(known))
            form.complain(f'"--{name}" cannot be "{flag.value}"', hint, flag.token)
    return form.flags.text(name)


class _Transfer(msgspec.Struct, frozen=True):
    """Sources and destination of COPY and ADD."""

    sources: tuple[str, ...]
    destination: str
    heredocs: tuple[Heredoc, ...]


def _transfer(form: Form) -> _Transfer | None:
    tokens = form.list(form.arguments)
    if len(tokens) < 2:
        form.needs("at least one source and a destination", "SOURCE... DESTINATION")
        return None
    *sources, destination = tokens
    if heredoc.marker(destination.text):
        form.complain("a here-document cannot be the destination", f"write {form.name} <<EOF DESTINATION", destination)
        return None
    contents = {each.name: each for each in form.statement.heredocs}
    paths: list[str] = []
    inline: list[Heredoc] = []
    for source in sources:
        marked = heredoc.marker(source.text)
        if marked is None:
            paths.append(source.text)
        elif marked.name in contents:
            inline.append(contents[marked.name])
        else:
            hint = "close the quotes of the line, and write it without JSON brackets"
            form.complain(f'"{source.text}" does not begin a here-document in this line', hint, source)
    if lost := contents.keys() - {each.name for each in inline}:
        listed = ", ".join(f'"{name}"' for name in sorted(lost))
        form.complain(
            f"the here-document {listed} is no source", "give it a name without blanks, before the destination"
        )
    return _Transfer(tuple(paths), destination.text, tuple(inline))


def _copy(form: Form) -> Copy | None:
    transfer = _transfer(form)
    if transfer is None:
        return None
    for flag in form.flags.all("from"):
        if "$" in flag.value:
            hint = f'add a stage "FROM {flag.value} AS name" and write --from=name'
            form.complain('"--from" takes no variables', hint, flag.token)
    flags = form.flags
    return Copy(
        **form.common,
        sources=transfer.sources,
        destination=transfer.destination,
        heredocs=transfer.heredocs,
        from_=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.boolean("link")),
        parents=bool(flags.boolean("parents")),
        exclude=tuple(flag.value for flag in flags.all("exclude")),
    )


def _add(form: Form) -> Add | None:
    transfer = _transfer(form)
    if transfer is None:
        return None
    flags = form.flags
    return Add(
        **form.common,
        sources=transfer.sources,
        destination=transfer.destination,
        heredocs=transfer.heredocs,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.boolean("link")),
        exclude=tuple(flag.value for flag in flags.all("exclude")),
        checksum=flags.text("checksum"),
        keep_git_dir=bool(flags.boolean("keep-git-dir")),
        unpack=flags.boolean("unpack"),
    )


def _cmd(form: Form) -> Cmd:
    return Cmd(**form.common, command=form.command(form.arguments))


def _entrypoint(form: Form) -> Entrypoint:
    return Entrypoint(**form.common, command=form.command(form.arguments))


def _shell(form: Form) -> Shell | None:
    argv = form.json(form.arguments)
    if not argv:
        form.needs("a JSON array of strings", '["/bin/sh", "-c"]')
        return None
    return Shell(**form.common, argv=argv)


def _single(form: Form, what: str) -> str:
    if not form.arguments.text:
        form.needs(f"a {what}", what.upper())
    return form.arguments.text


def _workdir(form: Form) -> Workdir:
    return Workdir(**form.common, path=_single(form, "path"))


def _user(form: Form) -> User:
    return User(**form.common, user=_single(form, "user"))


def _stopsignal(form: Form) -> StopSignal:
    return StopSignal(**form.common, signal=_single(form, "signal"))


def _maintainer(form: Form) -> Maintainer:
    return Maintainer(**form.common, name=_single(form, "name"))


def _expose(form: Form) -> Expose:
    ports = tuple(token.text for token in words.blank_separated(form.arguments))
    if not ports:
        form.needs("a port", "PORT[/PROTOCOL]...")
    return Expose(**form.common, ports=ports)


def _volume(form: Form) -> Volume:
    paths = tuple(token.text for token in form.list(form.arguments))
    if not paths or not all(path.strip() for path in paths):
        form.needs("paths that are not empty", "PATH...")
    return Volume(**form.common, paths=paths)


def _healthcheck(form: Form) -> Healthcheck | None:
    parts = words.blank_separated(form.arguments)
    kind = parts[0].text.upper() if parts else ""
    if kind not in ("CMD", "NONE"):
        form.needs("CMD and a command, or NONE", "CMD COMMAND")
        return None
    if kind == "NONE":
        if len(parts) > 1 or form.flags.given:
            form.complain("HEALTHCHECK NONE takes nothing else", "write HEALTHCHECK NONE", parts[0])
        return Healthcheck(**form.common, command=None)
    _check_timings(form)
    token = words.stripped(form.statement.text, parts[0].offset + parts[0].length)
    if len(parts) == 1:
        form.needs("a command after CMD", "CMD COMMAND")
    flags = form.flags
    return Healthcheck(
        **form.common,
        command=form.command(token),
        interval=flags.text("interval"),
        timeout=flags.text("timeout"),
        start_period=flags.text("start-period"),
        start_interval=flags.text("start-interval"),
        retries=flags.text("retries"),
    )


def _check_timings(form: Form) -> None:
    for flag in form.flags.given:
        if flag.name == "retries":
            if flag.value and not (flag.value.isascii() and flag.value.isdecimal() and len(flag.value) < 10):
                form.complain(f'"--retries" cannot be "{flag.value}"', "write a number such as 3", flag.token)
        elif flag.value and not _DURATION.fullmatch(flag.value):
            hint = "write a time with its unit, such as 30s or 1m30s"
            form.complain(f'"--{flag.name}" cannot be "{flag.value}"', hint, flag.token)
        elif _BELOW_MILLISECOND.fullmatch(flag.value) and not _at_least_a_millisecond(flag.value):
            form.complain(f'"--{flag.name}" is shorter than a millisecond', "write at least 1ms, or 0", flag.token)


def _at_least_a_millisecond(duration: str) -> bool:
    scale = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3}
    amounts = re.findall(r"([0-9.]+)([^0-9.]+)", duration)
    total = sum(float(amount) * scale[unit] for amount, unit in amounts)
    return total == 0 or total >= 1


def _onbuild(form: Form) -> Onbuild | None:
    if not form.arguments.text:
        form.needs("an instruction", "INSTRUCTION ARGUMENTS")
        return None
    if read_trigger(Form(form.statement, form.escape, form.problems, form.arguments.offset)) is None:
        return None
    trigger = form.arguments.text
    for each in form.statement.heredocs:
        trigger += f"\n{each.content}{each.name}"
    return Onbuild(**form.common, trigger=trigger)


READERS: Mapping[str, Callable[[Form], StageInstruction | None]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
