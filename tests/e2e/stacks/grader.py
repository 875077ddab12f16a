"""The grader of `stacks/apis`. It knows the rules of the exercise and nothing of how it was solved: files, images, answers, processes."""

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.harness import Answer, Cais, answers, http, until
from tests.e2e.stacks.life import frozen

APIS = ("api-backend", "api-frontend")
TREE = (
    *("LICENSE", "README.md", "docker-compose.yaml"),
    *(f"{api}/{name}" for api in APIS for name in ("Dockerfile", "api.py", "Readme.md")),
)
HUB = r"https://hub\.docker\.com/r/([a-z0-9]+/api-(?:backend|frontend))"
BACKEND_ANSWER = {"api": "backend", "status": "ok"}
FRONTEND_ANSWER = {"api": "frontend", "status": "ok", "backend": BACKEND_ANSWER}
IN_TIME_S = 8.0


class Exercise:
    """A folder that somebody handed in. `ports` are the APIs' on this machine; the services run when a rule asks for that."""

    def __init__(self, cais: Cais, ports: dict[str, int]) -> None:
        self.cais = cais
        self.folder = cais.folder
        self._ports = ports

    def url(self, api: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self._ports[api]}{path}"

    def compose(self, api: str) -> dict[str, Any]:
        """The service as the Compose file has it."""
        return dict(yaml.safe_load((self.folder / "docker-compose.yaml").read_text())["services"][api])

    def container(self, api: str) -> dict[str, Any]:
        return self.cais.container(api)

    def is_answering(self, api: str) -> bool:
        answer = answers(self.url(api))
        return answer is not None and answer.status == 200


Check = Callable[[Exercise], str]
"""Why a rule is broken; "" when it is kept."""


@dataclass(frozen=True)
class Rule:
    """A rule of the exercise. `is_live`: the services have to run."""

    name: str
    points: int
    check: Check
    is_live: bool = False


@dataclass(frozen=True)
class Grade:
    """What a copy got: for each rule its points, or 0 and the reason."""

    points: dict[str, int]
    reasons: dict[str, str]

    @property
    def total(self) -> int:
        return sum(self.points.values())


def grade(exercise: Exercise, rules: Sequence["Rule"]) -> Grade:
    """The points of each rule. A rule that cannot even be looked at is broken: its reason is the error."""
    reasons = {}
    for rule in rules:
        try:
            reason = rule.check(exercise)
        except (AssertionError, OSError, ValueError, LookupError) as error:
            reason = f"{type(error).__name__}: {error}"
        if reason:
            reasons[rule.name] = reason
    return Grade({rule.name: 0 if rule.name in reasons else rule.points for rule in rules}, reasons)


def first(reasons: Sequence[str]) -> str:
    return next((reason for reason in reasons if reason), "")


def tree(exercise: Exercise) -> str:
    """Every file is there under its exact name, and is not empty."""
    missing = [name for name in TREE if not is_file(exercise.folder, name)]
    return f"missing or empty: {', '.join(missing)}" if missing else ""


def is_file(folder: Path, name: str) -> bool:
    """A file with exactly this name, whatever the file system thinks of capitals."""
    path = folder / name
    return path.is_file() and path.name in {entry.name for entry in path.parent.iterdir()} and path.stat().st_size > 0


def readmes(exercise: Exercise) -> str:
    """Each Readme.md names the language, its version, and the libraries that api.py imports."""
    return first([readme(exercise.folder / api) for api in APIS])


def readme(folder: Path) -> str:
    text = (folder / "Readme.md").read_text()
    version = re.search(r"^FROM python:(3\.\d+)", (folder / "Dockerfile").read_text(), re.MULTILINE)
    imported = set(re.findall(r"^(?:from|import) (flask|cheroot|gunicorn|requests|httpx|waitress)\b", (folder / "api.py").read_text(), re.MULTILINE))  # fmt: skip
    wanted = ("Python", version[1] if version else "a version of Python", *imported)
    missing = [word for word in wanted if word.lower() not in text.lower()]
    return f"{folder.name}/Readme.md does not name {', '.join(missing)}" if missing else ""


def hub_label(exercise: Exercise) -> str:
    """Each Dockerfile has LABEL hub_url= with the address on Docker Hub of the image that the Compose file publishes."""
    return first([label(exercise, api) for api in APIS])


def label(exercise: Exercise, api: str) -> str:
    dockerfile = (exercise.folder / api / "Dockerfile").read_text()
    found = re.search(rf"^LABEL hub_url=\"?{HUB}/?\"?\s*$", dockerfile, re.MULTILINE)
    if not found:
        return f"{api}/Dockerfile has no LABEL hub_url= with an address on Docker Hub"
    image = exercise.compose(api)["image"].rpartition(":")[0]
    return "" if found[1] == image else f"hub_url leads to {found[1]}, the image is {image}"


def published_tag(exercise: Exercise) -> str:
    """The published tag is `latest`."""
    tags = {api: exercise.compose(api)["image"].rpartition(":")[2] for api in APIS}
    return first([f"{api} is published as {tag}" for api, tag in tags.items() if tag != "latest"])


def backend_format(exercise: Exercise) -> str:
    return is_json(http(exercise.url("api-backend")), 200, BACKEND_ANSWER)


def frontend_format(exercise: Exercise) -> str:
    return is_json(http(exercise.url("api-frontend")), 200, FRONTEND_ANSWER)


def is_json(answer: Answer, status: int, body: object) -> str:
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if (answer.status, kind) != (status, "application/json"):
        return f"{answer.status} {kind}, not {status} application/json"
    return "" if answer.json == body else f"the answer is {answer.json}"


def bad_gateway(exercise: Exercise) -> str:
    """502 and JSON when api-backend does not answer in time."""
    with frozen(exercise.cais, "api-backend"):
        answer = http(exercise.url("api-frontend"), timeout_s=IN_TIME_S)
    if answer.status != 502:
        return f"{answer.status} while api-backend does not answer"
    return "" if isinstance(answer.json, dict) else "the 502 is not a JSON object"


def pid_1(exercise: Exercise) -> str:
    """PID 1 is the process that listens: the application itself, no shell or launcher before it."""
    return first([first_process(exercise, api) for api in APIS])


def first_process(exercise: Exercise, api: str) -> str:
    pid = exercise.container(api)["Pid"]
    inodes = re.findall(r"^ *\d+: \S+ \S+ 0A (?:\S+ +){5}(\d+)", Path(f"/proc/{pid}/net/tcp").read_text(), re.MULTILINE)
    held = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection that ended meanwhile
            held.add(path.readlink().name)
    if held & {f"socket:[{inode}]" for inode in inodes}:
        return ""
    return f"PID 1 of {api} is {Path(f'/proc/{pid}/cmdline').read_bytes()!r}, which does not listen"


def traceback(exercise: Exercise) -> str:
    """GET /traceback raises an error that ends the process of the container, and the error is in the log."""
    return first([crash(exercise, api) for api in APIS])


def crash(exercise: Exercise, api: str) -> str:
    before = exercise.container(api)
    gone = Path(f"/proc/{before['Pid']}")
    answers(exercise.url(api, "/traceback"))
    try:
        until(lambda: not gone.exists(), timeout_s=3)
    except AssertionError:
        return f"{api} survived /traceback"
    if "Traceback (most recent call last)" not in exercise.cais.ok("logs", api).stdout:
        return f"the log of {api} shows no traceback"
    return ""


def restart(exercise: Exercise) -> str:
    """After /traceback the service is back by itself, in the same container."""
    return first([comes_back(exercise, api) for api in APIS])


def comes_back(exercise: Exercise, api: str) -> str:
    until(lambda: exercise.container(api)["State"] != "restarting", timeout_s=15)
    before = exercise.container(api)
    answers(exercise.url(api, "/traceback"))
    try:
        until(lambda: is_another_run(exercise, api, before), timeout_s=15)
    except AssertionError:
        return f"{api} is not back: {exercise.container(api)['State']}"
    return ""


def is_another_run(exercise: Exercise, api: str, before: dict[str, Any]) -> bool:
    now = exercise.container(api)
    same = (now["ID"], now["State"]) == (before["ID"], "running")
    return same and now["Pid"] != before["Pid"] and exercise.is_answering(api)


RULES = (
    Rule("tree", 2, tree),
    Rule("readmes", 2, readmes),
    Rule("hub_url", 2, hub_label),
    Rule("latest", 1, published_tag),
    Rule("backend format", 2, backend_format, is_live=True),
    Rule("frontend format", 2, frontend_format, is_live=True),
    Rule("bad gateway", 2, bad_gateway, is_live=True),
    Rule("pid 1", 3, pid_1, is_live=True),
    Rule("traceback", 2, traceback, is_live=True),
    Rule("restart", 2, restart, is_live=True),
)
