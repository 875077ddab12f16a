"""What is chosen from outside: settings, from environment variables.

Each has a default that runs on one machine without any server. A secret may be given as a file instead: `FOTOGAL_S3_SECRET_KEY_FILE=/run/secrets/s3_secret_key`
for `FOTOGAL_S3_SECRET_KEY`; so may the catalogue's URL, which has a password in it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DEFAULT_DATA = "data"
BUCKET = "fotogal_bucket_images"
LOG_GROUP = "fotogal_loggroup"
LOG = "fotogal_customlog_app"


class BadSetting(Exception):
    """A variable's value will not do: `name` is the variable."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


class CatalogueKind(enum.StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    OCI_NOSQL = "oci-nosql"


class ObjectsKind(enum.StrEnum):
    FILESYSTEM = "filesystem"
    S3 = "s3"
    OCI = "oci"


class LogKind(enum.StrEnum):
    STDOUT = "stdout"
    OCI = "oci"


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How an S3-compatible server is reached. `endpoint` empty: Amazon's own, by `region`."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class OciSettings:
    """How Oracle Cloud is reached. `config` is the SDK's file (`oci.conf`), of which `profile` is the section; `compartment` is a name."""

    config: Path
    profile: str
    compartment: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the stores. `x_accel`: nginx is in front and fetches by itself what the application points it to (`X-Accel-Redirect`)."""

    catalogue: CatalogueKind
    catalogue_url: str
    objects: ObjectsKind
    bucket: str
    data: Path
    x_accel: bool
    s3: S3Settings
    oci: OciSettings
    log: LogKind
    log_level: str


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises BadSetting."""
    read = _Reader(environment)
    catalogue = read.choice("FOTOGAL_CATALOGUE", CatalogueKind.SQLITE)
    objects = read.choice("FOTOGAL_OBJECTS", ObjectsKind.FILESYSTEM)
    settings = Settings(
        catalogue=catalogue,
        catalogue_url=read.secret("FOTOGAL_CATALOGUE_URL"),
        objects=objects,
        bucket=read.text("FOTOGAL_BUCKET", BUCKET),
        data=Path(read.text("FOTOGAL_DATA", DEFAULT_DATA)).absolute(),
        x_accel=read.yes_or_no("FOTOGAL_X_ACCEL", default=False),
        s3=S3Settings(
            endpoint=read.text("FOTOGAL_S3_ENDPOINT", "").rstrip("/"),
            region=read.text("FOTOGAL_S3_REGION", "us-east-1"),
            access_key=read.secret("FOTOGAL_S3_ACCESS_KEY"),
            secret_key=read.secret("FOTOGAL_S3_SECRET_KEY"),
        ),
        oci=OciSettings(
            config=Path(read.text("FOTOGAL_OCI_CONFIG", "~/.oci/config")).expanduser(),
            profile=read.text("FOTOGAL_OCI_PROFILE", "DEFAULT"),
            compartment=read.text("FOTOGAL_OCI_COMPARTMENT", "cmp-fotogal"),
        ),
        log=read.choice("FOTOGAL_LOG", LogKind.STDOUT),
        log_level=read.one_of("FOTOGAL_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    )
    _check_chosen(settings)
    return settings


def _check_chosen(settings: Settings) -> None:
    """What the chosen stores cannot do without."""
    if settings.catalogue is CatalogueKind.POSTGRESQL and not settings.catalogue_url.startswith(
        ("postgresql://", "postgres://")
    ):
        raise BadSetting(
            "FOTOGAL_CATALOGUE_URL", "postgresql needs an address: postgresql://user:password@host:5432/name"
        )
    if settings.objects is ObjectsKind.S3:
        if settings.s3.endpoint and not settings.s3.endpoint.startswith(("http://", "https://")):
            raise BadSetting("FOTOGAL_S3_ENDPOINT", f"no http:// or https:// address: {settings.s3.endpoint!r}")
        for name, value in (("ACCESS_KEY", settings.s3.access_key), ("SECRET_KEY", settings.s3.secret_key)):
            if not value:
                raise BadSetting(f"FOTOGAL_S3_{name}", "s3 needs it")


E_ = TypeVar("E_", bound=enum.StrEnum)


class _Reader:
    """Reads variables; an empty one counts as not set, as Compose sets `NAME=` for what is missing from `.env`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """The variable itself, or the content of the file that `<name>_FILE` names; empty if there is neither."""
        given, file = self.text(name, ""), self.text(f"{name}_FILE", "")
        if not file:
            return given
        if given:
            raise BadSetting(name, f"{name}_FILE is set too; keep one of them")
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"{name}_FILE", f"cannot be read: {error}") from error

    def one_of(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise BadSetting(name, f"is {value!r}; it can be {', '.join(choices)}")
        return value

    def choice(self, name: str, default: E_) -> E_:
        kind = type(default)
        return kind(self.one_of(name, default, tuple(kind)))

    def yes_or_no(self, name: str, *, default: bool) -> bool:
        return self.one_of(name, "yes" if default else "no", ("yes", "no")) == "yes"
