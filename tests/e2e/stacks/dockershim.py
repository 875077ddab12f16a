"""`docker` for a pipeline where no engine is: the few commands that bitbucket-pipelines.yml uses, carried out by Cais. Started as a program."""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="docker")
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build")
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("--tag", required=True)
    build.add_argument("context")
    build.set_defaults(act=_build)
    save = commands.add_parser("save")
    save.add_argument("--output", required=True)
    save.add_argument("image")
    save.set_defaults(act=lambda args: _cais("image", "save", args.image, "-o", args.output))
    load = commands.add_parser("load")
    load.add_argument("--input", required=True)
    load.set_defaults(act=lambda args: _cais("image", "load", "-i", args.input))
    login = commands.add_parser("login")
    login.add_argument("--username", required=True)
    login.add_argument("--password-stdin", action="store_true", required=True)
    login.add_argument("registry")
    login.set_defaults(act=_login)
    tag = commands.add_parser("tag")
    tag.add_argument("image")
    tag.add_argument("name")
    tag.set_defaults(act=lambda args: _cais("image", "tag", args.image, args.name))
    push = commands.add_parser("push")
    push.add_argument("image")
    push.set_defaults(act=lambda args: _cais("image", "push", args.image))
    args = parser.parse_args(argv)
    code: int = args.act(args)
    return code


def _cais(*argv: str) -> int:
    return subprocess.run([sys.executable, "-m", "cais", *argv], check=False).returncode


def _build(args: argparse.Namespace) -> int:
    build = {"context": str(Path(args.context).resolve()), "args": args.build_arg}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "compose.json"
        project.write_text(json.dumps({"services": {"image": {"image": args.tag, "build": build}}}))
        return _cais("-f", str(project), "build")


def _login(args: argparse.Namespace) -> int:
    """As Docker keeps it: in the configuration that Cais reads, too."""
    secret = base64.b64encode(f"{args.username}:{sys.stdin.read().strip()}".encode()).decode()
    file = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"auths": {args.registry: {"auth": secret}}}))
    file.chmod(0o600)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
