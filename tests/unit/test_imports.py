"""The layers of style.md, section 5: imports flow downwards only; nothing outside `cli` prints or exits."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "cais"

# package -> what it may import besides itself and the base modules
BASE = {"errors", "events", "clock", "locations", "version"}
HOST = {"proc", "durable", "digest", "database", "decoding"}
ALLOWED: dict[str, set[str]] = {
    **{name: set() for name in BASE},
    **dict.fromkeys(HOST, HOST),
    "linux": HOST,
    "compose": set(),
    "dockerfile": set(),
    "images": HOST | {"linux"},
    "registry": HOST | {"linux", "images"},
    "bases": HOST | {"linux", "images"},
    "engine": HOST | {"linux", "images", "registry", "bases"},
    "build": HOST | {"linux", "dockerfile", "images", "registry", "bases"},
    "supervise": HOST | {"linux", "images", "engine"},
    "project": HOST | {"linux", "compose", "dockerfile", "images", "registry", "bases", "engine", "build", "supervise"},
}
PROGRAMS = {
    "engine/native/network/nameserver.py"
}  # a program of its own, started by path: its arguments are its interface
BUILD_FROM_ENGINE = {"cais.build.executor"}  # the protocol that engine.native satisfies


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package_of(dotted: str) -> str:
    return dotted.split(".")[1]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cais"):
            if node.module == "cais":
                yield from ((f"cais.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.startswith("cais."))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_flow_downwards(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    own = relative.parts[0].removesuffix(".py")
    if own in {"cli", "__init__", "__main__"}:
        return
    allowed = ALLOWED[own] | (set() if own in BASE else BASE)
    if own in {"compose", "dockerfile"}:
        allowed = {"errors"}
    wrong = [
        f"{relative}:{line} imports {name}"
        for name, line in imports(path)
        if package_of(name) not in allowed | {own} and not (own == "engine" and name in BUILD_FROM_ENGINE)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [p for p in modules() if "cli" not in p.parts and str(p.relative_to(SOURCE)) not in PROGRAMS],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_only_cli_prints_and_exits(path: Path) -> None:
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"print", "sys.exit", "exit", "quit"}:
                wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno} calls {name}")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.argv":
            wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno} reads sys.argv")
    assert wrong == []
