from __future__ import annotations

from pathlib import Path

import pytest

from fotogal.settings import BadSetting, CatalogueKind, LogKind, ObjectsKind, from_environment

S3 = {"FOTOGAL_OBJECTS": "s3", "FOTOGAL_S3_ACCESS_KEY": "key", "FOTOGAL_S3_SECRET_KEY": "secret"}


def test_without_any_variable_it_runs_without_any_server() -> None:
    settings = from_environment({})
    assert (settings.catalogue, settings.objects, settings.log) == (
        CatalogueKind.SQLITE,
        ObjectsKind.FILESYSTEM,
        LogKind.STDOUT,
    )
    assert settings.bucket == "fotogal_bucket_images"
    assert settings.data == Path.cwd() / "data"
    assert not settings.x_accel


def test_an_empty_variable_counts_as_not_set() -> None:
    assert from_environment({"FOTOGAL_CATALOGUE": "", "FOTOGAL_S3_SECRET_KEY_FILE": ""}) == from_environment({})


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cr3t\n")
    given = {**S3, "FOTOGAL_S3_SECRET_KEY": "", "FOTOGAL_S3_SECRET_KEY_FILE": str(tmp_path / "secret")}
    assert from_environment(given).s3.secret_key == "s3cr3t"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"FOTOGAL_CATALOGUE": "mysql"}, "FOTOGAL_CATALOGUE"),
        ({"FOTOGAL_CATALOGUE": "postgresql"}, "FOTOGAL_CATALOGUE_URL"),
        ({"FOTOGAL_CATALOGUE": "postgresql", "FOTOGAL_CATALOGUE_URL": "mysql://x"}, "FOTOGAL_CATALOGUE_URL"),
        ({"FOTOGAL_OBJECTS": "S3"}, "FOTOGAL_OBJECTS"),
        ({**S3, "FOTOGAL_S3_ENDPOINT": "store:7070"}, "FOTOGAL_S3_ENDPOINT"),
        ({**S3, "FOTOGAL_S3_ACCESS_KEY": " "}, "FOTOGAL_S3_ACCESS_KEY"),
        ({**S3, "FOTOGAL_S3_SECRET_KEY": ""}, "FOTOGAL_S3_SECRET_KEY"),
        ({**S3, "FOTOGAL_S3_SECRET_KEY_FILE": "/etc/hostname"}, "FOTOGAL_S3_SECRET_KEY"),
        ({"FOTOGAL_CATALOGUE_URL_FILE": "/nowhere"}, "FOTOGAL_CATALOGUE_URL_FILE"),
        ({"FOTOGAL_LOG": "syslog"}, "FOTOGAL_LOG"),
        ({"FOTOGAL_LOG_LEVEL": "loud"}, "FOTOGAL_LOG_LEVEL"),
        ({"FOTOGAL_X_ACCEL": "true"}, "FOTOGAL_X_ACCEL"),
    ],
)
def test_a_bad_value_names_its_variable(variables: dict[str, str], name: str) -> None:
    with pytest.raises(BadSetting) as bad:
        from_environment(variables)
    assert bad.value.name == name
    assert str(bad.value).startswith(f"{name}: ")
