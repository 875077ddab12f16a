"""The options before the verb, the same as Docker Compose's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # the supervisor has options, but no command line
    import argparse


class GlobalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before the verb."""

    files: tuple[str, ...] = ()
    project_name: str | None = None
    project_directory: str | None = None
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    progress: str = "auto"
    color: str = "auto"
    debug: bool = False
    all_resources: bool = False
    offline: bool = False

    @staticmethod
    def configure(parser: argparse.ArgumentParser) -> None:
        """Add the flags."""
        parser.add_argument(
            "-f",
            "--file",
            action="append",
            default=[],
            metavar="FILE",
            help="a Compose file; may be repeated, `-` reads stdin",
        )
        parser.add_argument("-p", "--project-name", metavar="NAME", help="the project's name (default: the folder's)")
        parser.add_argument("--project-directory", metavar="DIR", help="what relative paths are relative to")
        parser.add_argument(
            "--env-file", action="append", default=[], metavar="FILE", help="instead of .env; may be repeated"
        )
        parser.add_argument(
            "--profile", action="append", default=[], metavar="NAME", help="enable a profile; may be repeated"
        )
        parser.add_argument(
            "--progress",
            choices=("auto", "tty", "plain", "json", "quiet"),
            default="auto",
            help="how progress is shown",
        )
        parser.add_argument("--ansi", choices=("auto", "always", "never"), default="auto", help="colours")
        parser.add_argument(
            "--all-resources", action="store_true", help="keep networks, volumes, ... that no service uses"
        )
        parser.add_argument("--offline", action="store_true", help="ask no registry (also CAIS_OFFLINE=1)")
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, change nothing")
        parser.add_argument("--debug", action="store_true", help="show tracebacks")
        parser.add_argument("--version", "-v", action="store_true", help="show the version")

    @staticmethod
    def of(parsed: argparse.Namespace) -> GlobalOptions:
        """The options as parsed."""
        return GlobalOptions(
            files=tuple(parsed.file),
            project_name=parsed.project_name,
            project_directory=parsed.project_directory,
            env_files=tuple(parsed.env_file),
            profiles=tuple(parsed.profile),
            progress=parsed.progress,
            color=parsed.ansi,
            debug=parsed.debug,
            all_resources=parsed.all_resources,
            offline=parsed.offline or os.environ.get("CAIS_OFFLINE", "") not in {"", "0"},
        )


def add_docker_terminal_flags(parser: argparse.ArgumentParser) -> None:
    """`-i` and `-t` of Docker's `exec` and `run`: accepted because fingers know them, and what happens anyway at a terminal."""
    parser.add_argument("-i", "--interactive", action="store_true", help="with input (always so)")
    parser.add_argument("-t", "--tty", action="store_true", help="with a terminal (always so where there is one)")


def add_process_flags(parser: argparse.ArgumentParser) -> None:
    """What `exec` and `run` say alike of the process they start."""
    parser.add_argument(
        "-e",
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable; without a value the caller's",
    )
    parser.add_argument("-u", "--user", metavar="USER", help="the user, as USER[:GROUP], names or numbers")
    parser.add_argument("-w", "--workdir", metavar="DIR", help="the working directory in the container")
