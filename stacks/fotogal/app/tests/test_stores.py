from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from oracle_cloud import FINGERPRINT, TENANCY, USER, pem

from fotogal.catalogue.nosql.oracle import OracleCatalogue
from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.log.setup import set_up
from fotogal.log.shipping import ShippingHandler
from fotogal.objects.filesystem import FilesystemStore
from fotogal.objects.oci import OciStore
from fotogal.objects.s3 import S3Store
from fotogal.settings import BadSetting, Settings, from_environment
from fotogal.stores import open_catalogue, open_objects

ALL_OF_ORACLE = {"FOTOGAL_CATALOGUE": "oci-nosql", "FOTOGAL_OBJECTS": "oci", "FOTOGAL_LOG": "oci"}


@pytest.fixture
def oracle(tmp_path: Path) -> Settings:
    (tmp_path / "key.pem").write_text(pem())
    (tmp_path / "oci.conf").write_text(
        f"[GAL]\nuser={USER}\ntenancy={TENANCY}\nfingerprint={FINGERPRINT}\nregion=sa-saopaulo-1\nkey_file={tmp_path / 'key.pem'}\n"
    )
    chosen = {"FOTOGAL_OCI_CONFIG": str(tmp_path / "oci.conf"), "FOTOGAL_OCI_PROFILE": "GAL"}
    return from_environment(ALL_OF_ORACLE | chosen)


def test_what_is_chosen_is_opened(oracle: Settings, tmp_path: Path) -> None:
    embedded = from_environment({"FOTOGAL_DATA": str(tmp_path)})
    servers = from_environment(
        {
            "FOTOGAL_CATALOGUE": "postgresql",
            "FOTOGAL_CATALOGUE_URL": "postgresql://a:b@127.0.0.1:1/c",
            "FOTOGAL_OBJECTS": "s3",
            "FOTOGAL_S3_ENDPOINT": "http://127.0.0.1:1",
            "FOTOGAL_S3_ACCESS_KEY": "a",
            "FOTOGAL_S3_SECRET_KEY": "b",
        }
    )
    for settings, catalogue_kind, objects_kind in (
        (embedded, SqlCatalogue, FilesystemStore),
        (servers, SqlCatalogue, S3Store),  # nobody is asked before the first use
        (oracle, OracleCatalogue, OciStore),
    ):
        with closing(open_catalogue(settings)) as catalogue, closing(open_objects(settings)) as objects:
            assert isinstance(catalogue, catalogue_kind)
            assert isinstance(objects, objects_kind)


def test_the_log_goes_where_it_is_chosen_to(oracle: Settings) -> None:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    try:
        handler = set_up(oracle)
        assert isinstance(handler, ShippingHandler)
        assert root.handlers == [handler]
        handler.close()
        assert isinstance(set_up(from_environment({})), logging.StreamHandler)
    finally:
        root.handlers, root.level = before, level


@pytest.mark.parametrize("call", [open_catalogue, open_objects, set_up])
def test_a_file_of_the_sdk_that_will_not_do(call: Callable[[Settings], object], tmp_path: Path) -> None:
    settings = from_environment(ALL_OF_ORACLE | {"FOTOGAL_OCI_CONFIG": str(tmp_path / "missing")})
    with pytest.raises(BadSetting, match="FOTOGAL_OCI_CONFIG"):
        call(settings)


@pytest.mark.parametrize(
    ("call", "variable"),
    [(open_catalogue, "FOTOGAL_CATALOGUE"), (open_objects, "FOTOGAL_OBJECTS"), (set_up, "FOTOGAL_LOG")],
)
def test_an_sdk_that_is_not_installed(
    oracle: Settings, call: Callable[[Settings], object], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "oci", None)
    with pytest.raises(BadSetting, match=f"{variable}: .*requirements-oci.txt"):
        call(oracle)


def test_only_what_is_chosen_is_imported(tmp_path: Path) -> None:
    """In a process of its own: the SDKs are large."""
    program = f"""
import sys
from fotogal.provision import provision
from fotogal.settings import from_environment
provision(from_environment({{"FOTOGAL_DATA": {str(tmp_path)!r}}}))
print(sorted({{"oci", "borneo", "boto3", "psycopg"}} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
