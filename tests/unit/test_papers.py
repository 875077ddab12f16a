"""The papers agree with the program: names of dependencies, verbs, links, exit codes, the reference of the command line."""

import re
import tomllib
from pathlib import Path

import pytest
from scripts import dockerfile_support
from scripts.cli_reference import document, exit_codes

from cais.cli.main import VERBS
from cais.cli.view.findings import page_of
from cais.dockerfile.flags import FLAGS
from cais.dockerfile.forms import READERS
from cais.dockerfile.ignorefile import IgnoreMatcher, parse
from cais.dockerfile.rules.table import RULES, lint

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SKIPPED = {".git", ".venv", "node_modules", ".pytest_cache", ".hypothesis"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\bcais (?:(?:-f|-p|--env-file|--progress) \S+ |--[a-z-]+ )*([a-z]+)\b")
# words that follow the name in prose
NOT_VERBS = {"is", "does"}


def papers() -> list[Path]:
    found = (path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts))
    return sorted(path for path in found if "cases" not in path.parts)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """As the forges make them of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def code_of(text: str) -> str:
    """The code in a paper: blocks and inline."""
    return "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("path", papers(), ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for link in LINK.findall(path.read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", papers(), ids=name_of)
def test_files_named_in_code_exist(path: Path) -> None:
    """`docs/...`, `scripts/...` and the like are paths from the root of the repository, or from the page's own folder."""
    words = re.findall(r"`((?:docs|scripts|src|tests|bench|stacks)/[\w./-]+)`", path.read_text())
    places = (ROOT, path.parent)
    missing = [
        word for word in words if not any((place / word).exists() for place in places) and word != "bench/results.md"
    ]
    assert missing == []


@pytest.mark.parametrize("path", papers(), ids=name_of)
def test_no_placeholder_is_left(path: Path) -> None:
    assert "@@" not in path.read_text()


@pytest.mark.parametrize("path", papers(), ids=name_of)
def test_commands_in_code_exist(path: Path) -> None:
    verbs = COMMAND.findall(code_of(path.read_text()))
    assert [verb for verb in verbs if verb not in VERBS and verb not in NOT_VERBS] == []


def python_packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(word for extra in project["optional-dependencies"].values() for word in extra),
    ]
    return [re.split(r"[^\w.-]", word)[0] for word in wanted]


def test_every_dependency_is_named_with_its_reason() -> None:
    text = (DOCS / "dependencies.md").read_text()
    assert [name for name in python_packages() if f"`{name}`" not in text] == []


def packages(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("packages-*.txt")), ids=lambda path: path.name)
def test_every_package_is_named_with_its_reason(path: Path) -> None:
    text = (DOCS / "dependencies.md").read_text()
    assert [name for name in packages(path) if f"`{name}`" not in text] == []
    assert [line for line in path.read_text().splitlines() if line.strip() and "# " not in line] == []


def test_nothing_is_named_that_is_not_used() -> None:
    """The tables of Python packages and of programs hold nothing that was given up."""
    used = set(python_packages()) | {
        name for path in (ROOT / "scripts").glob("packages-*.txt") for name in packages(path)
    }
    used_part = (DOCS / "dependencies.md").read_text().split("## Left out on purpose")[0]
    rows = re.findall(r"^\| ([^|]+)\|", used_part, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named - used == set()


def test_the_reference_of_the_command_line_is_what_the_parsers_say() -> None:
    assert (DOCS / "cli.md").read_text() == document(), "write `python scripts/cli_reference.py > docs/cli.md`"


def test_the_page_on_dockerfiles_is_what_the_lists_say() -> None:
    text = (DOCS / "dockerfile-support.md").read_text()
    assert text == dockerfile_support.document(), (
        "write `python scripts/dockerfile_support.py > docs/dockerfile-support.md`"
    )


def test_the_page_on_dockerfiles_has_every_instruction_and_flag() -> None:
    known = {"FROM", *READERS} | {f"{instruction} --{flag}" for instruction, flags in FLAGS.items() for flag in flags}
    named = {name for name, _, _ in dockerfile_support.ROWS if not name.startswith("#")}
    assert named == known


def test_readme_has_every_verb_or_leads_to_the_reference() -> None:
    for readme in ("README.md", "README.pt.md"):
        assert "(docs/cli.md)" in (ROOT / readme).read_text()


def test_exit_codes() -> None:
    assert [code for code, _ in exit_codes()] == [0, 1, 14, 15, 16, 17, 18, 70, 127, 130, 141]


def test_decisions_are_numbered() -> None:
    names = sorted(path.name for path in (DOCS / "decisions").iterdir() if path.name != "README.md")
    assert [name for name in names if not re.fullmatch(r"\d{4}-[a-z-]+\.md", name)] == []
    assert len({name[:4] for name in names}) == len(names)
    index = (DOCS / "decisions" / "README.md").read_text()
    assert [name for name in names if f"({name})" not in index] == []


def rule_page(name: str) -> str:
    return (DOCS / "rules" / f"{page_of(name)}.md").read_text()


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_each_rule_has_a_page_whose_examples_hold(name: str) -> None:
    bad, good = re.findall(r"^```dockerfile\n(.*?)^```", rule_page(name), re.MULTILINE | re.DOTALL)
    ignore = IgnoreMatcher(parse("ignored.txt"))
    assert name in {finding.rule for finding in lint(bad, "Dockerfile", ignore=ignore)}
    assert lint(good, "Dockerfile", ignore=ignore) == ()


def test_the_list_of_rules_is_that_of_the_program() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\(([\w-]+)\.md\)", (DOCS / "rules" / "README.md").read_text(), re.MULTILINE)
    assert listed == [(rule.name, page_of(rule.name)) for rule in RULES]
