import pytest

from cais.compose.model.project import KeyPath
from cais.project.confighash import Change, changes, masked


@pytest.mark.parametrize(
    ("path", "shown", "expected"),
    [
        (("environment", "DEBUG"), '"1"', '"1"'),
        (("environment", "POSTGRES_PASSWORD"), '"hunter2"', "***"),
        (("environment", "api_key"), '"k"', "***"),
        (("environment", "DATABASE_URL"), '"postgresql://ana:hunter2@db/x"', '"postgresql://ana:***@db/x"'),
        (("environment", "URL"), '"http://host/path"', '"http://host/path"'),
        (("image",), '"nginx:1"', '"nginx:1"'),
    ],
)
def test_secrets_are_not_shown(path: KeyPath, shown: str, expected: str) -> None:
    assert masked(path, shown) == expected


def test_a_changed_secret_is_named_without_its_values() -> None:
    assert Change(("environment", "TOKEN"), '"a"', '"b"').words() == "environment.TOKEN changed (its value is a secret)"


def test_changes_name_added_removed_and_changed_fields() -> None:
    found = changes('{"a":{"b":"1","c":"2"}}', '{"a":{"b":"3"},"d":["x"]}')
    assert [change.words() for change in found] == [
        'a.b changed from "1" to "3"',
        'a.c removed (was "2")',
        'd.0 added: "x"',
    ]


def test_what_cannot_be_read_is_one_change() -> None:
    assert len(changes("not json", "{}")) == 1
