"""Opens the stores that the settings choose. Each is imported only when it is chosen: Oracle's SDK takes seconds."""

from __future__ import annotations

from importlib.util import find_spec

from fotogal.catalogue.interface import Catalogue
from fotogal.objects.interface import ObjectStore
from fotogal.settings import BadSetting, CatalogueKind, ObjectsKind, Settings

SQLITE_FILE = "catalogue.sqlite3"
OBJECTS_FOLDER = "objects"


def require_oracle(variable: str) -> None:
    """Raises BadSetting where Oracle's SDK is not installed."""
    if find_spec("oci") is None:
        raise BadSetting(
            variable,
            "Oracle's SDK is missing: pip install -r requirements-oci.txt (an image: build argument CLOUD=oci)",
        )


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue. No connection is made before the first use, so it may be opened before a fork."""
    match settings.catalogue:
        case CatalogueKind.SQLITE:
            from fotogal.catalogue.sqlite import open_sqlite

            return open_sqlite(settings.data / SQLITE_FILE)
        case CatalogueKind.POSTGRESQL:
            from fotogal.catalogue.postgresql import open_postgresql

            return open_postgresql(settings.catalogue_url)
        case CatalogueKind.OCI_NOSQL:
            require_oracle("FOTOGAL_CATALOGUE")
            from fotogal.catalogue.nosql.oracle import OracleCatalogue
            from fotogal.oracle import account

            return OracleCatalogue(account(settings.oci))


def open_objects(settings: Settings) -> ObjectStore:
    """The object store. No connection is made before the first use."""
    match settings.objects:
        case ObjectsKind.FILESYSTEM:
            from fotogal.objects.filesystem import FilesystemStore

            return FilesystemStore(settings.data / OBJECTS_FOLDER / settings.bucket, redirects=settings.x_accel)
        case ObjectsKind.S3:
            from fotogal.objects.s3 import S3Store

            return S3Store(settings.s3, settings.bucket, redirects=settings.x_accel)
        case ObjectsKind.OCI:
            require_oracle("FOTOGAL_OBJECTS")
            from fotogal.objects.oci import OciStore
            from fotogal.oracle import account

            return OciStore(account(settings.oci), settings.bucket)
