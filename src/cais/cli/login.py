"""`cais login`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cais.cli.wire import Wire
from cais.errors import MissingTool, UsageError
from cais.events import MessageEvent, Phase

if TYPE_CHECKING:
    from cais.registry.credentials import Credentials


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `login`."""
    parser.add_argument("server", nargs="?", default="", metavar="SERVER", help="the registry (default: Docker Hub)")
    parser.add_argument("-u", "--username", metavar="NAME", help="asked for on a terminal if it is not given")
    parser.add_argument("-p", "--password", metavar="PASSWORD", help="others on this machine can see it; better:")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Try the credentials, then keep them where Docker does."""
    from cais.registry.login import check_login, keep, registry_name

    registry = registry_name(args.server)
    settings = wire.registries
    if settings.offline:
        raise UsageError("there is no logging in offline", hint="drop --offline")
    if args.dry_run:
        print(f"would log in to {registry}")
        return 0
    if _is_known(args, wire, registry):
        print("Login Succeeded")
        return 0
    credentials = _credentials(args, wire, registry)
    check_login(registry, credentials, settings)
    where = keep(registry, credentials, settings.docker_config)
    if where == settings.docker_config:
        text = f"the password is kept unencrypted in {where}; a credential helper would not"
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
    print("Login Succeeded")
    return 0


def _is_known(args: argparse.Namespace, wire: Wire, registry: str) -> bool:
    """Whether credentials are there already, and still good. Asked only of who gives none."""
    from cais.registry.credentials import find_credentials
    from cais.registry.errors import LoginRefused
    from cais.registry.login import check_login

    if args.username or args.password or args.password_stdin:
        return False
    try:
        known = find_credentials(registry, wire.registries.docker_config)
        if known is None:
            return False
        check_login(registry, known, wire.registries)
    except (LoginRefused, MissingTool):
        return False  # new ones are asked for
    return True


def _credentials(args: argparse.Namespace, wire: Wire, registry: str) -> Credentials:
    from cais.registry.credentials import Credentials

    if args.password is not None and args.password_stdin:
        raise UsageError("--password and --password-stdin contradict each other")
    if args.password_stdin and not args.username:
        raise UsageError("--password-stdin needs a name", hint=f"cais login -u NAME --password-stdin {args.server}")
    if args.password is not None:
        text = "--password can be seen by others on this machine; use --password-stdin"
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
    username = args.username or _ask(f"Username for {registry}: ", args.server)
    password = args.password if args.password is not None else _password(args, username)
    if not password:
        raise UsageError("the password is empty")
    return Credentials(username=username, password=password)


def _password(args: argparse.Namespace, username: str) -> str:
    if args.password_stdin:
        return sys.stdin.read().rstrip("\r\n")
    _need_terminal(args.server)
    import getpass

    return getpass.getpass(f"Password for {username}: ")


def _ask(prompt: str, server: str) -> str:
    _need_terminal(server)
    sys.stderr.write(prompt)
    sys.stderr.flush()
    name = sys.stdin.readline().strip()
    if not name:
        raise UsageError("the name is empty")
    return name


def _need_terminal(server: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for name and password at",
            hint=f"cais login -u NAME --password-stdin {server}".rstrip() + " < FILE",
        )
