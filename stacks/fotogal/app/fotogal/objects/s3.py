"""Objects on a server that speaks S3: Amazon's own, Oracle's Object Storage by its compatible interface, or any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from fotogal.objects.interface import Listed, NoSuchObject, StoreUnavailable, check_key
from fotogal.settings import S3Settings

CONNECT_TIMEOUT_S = 3
# Of silence. A server that hangs is met with an error after this, twice: who uploads to it is told so within half a minute.
READ_TIMEOUT_S = 5
TRIES = 2
# Somebody changes the same place at this moment: OperationAborted at Amazon; at the stack's own server a folder that went with its last
# object while another was about to be put there ("existing object is a directory"). It lasts as long as that.
CONFLICT, CONFLICT_TRIES = 409, 5
CONNECTIONS = 16
# nginx asks at once; what it was given is of no use to anybody a minute later.
REDIRECT_VALID_S = 60

_MISSING = {"404", "NoSuchKey", "NotFound"}


class S3Store:
    """The bucket `bucket` of a server. Implements `objects.interface.ObjectStore`. Nothing is connected to before the first call."""

    def __init__(self, settings: S3Settings, bucket: str, *, redirects: bool = False) -> None:
        self._bucket = bucket
        self._redirects = redirects
        self._region = settings.region
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint or None,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            config=_config(),
        )

    @property
    def host_fqdn(self) -> str:
        return urlsplit(self._client.meta.endpoint_url).hostname or ""

    def provision(self) -> list[str]:
        with _errors(self._bucket):
            if self._has_bucket():
                return []
            try:
                self._client.create_bucket(Bucket=self._bucket, **_location(self._region))
            except (self._client.exceptions.BucketAlreadyOwnedByYou, self._client.exceptions.BucketAlreadyExists):
                if not self._has_bucket():
                    raise  # somebody else's
                return []  # another replica was quicker
        # A new bucket is private and keeps no versions: so says S3.
        return [f"created bucket {self._bucket}"]

    def ready(self) -> None:
        with _errors(self._bucket):
            if not self._has_bucket():
                raise StoreUnavailable(
                    f"there is no bucket {self._bucket}; has `python -m fotogal provision` been run?"
                )

    def close(self) -> None:
        self._client.close()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        check_key(key)
        with _errors(key):
            for attempt in range(1, CONFLICT_TRIES + 1):
                try:
                    self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
                    return
                except ClientError as error:
                    if attempt == CONFLICT_TRIES or _status(error) != CONFLICT:
                        raise

    def get(self, key: str) -> bytes:
        check_key(key)
        with _errors(key):
            answer: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return answer

    def delete(self, key: str) -> None:
        check_key(key)
        with _errors(key):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if not _is_missing(error):
                    raise

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        with _errors(f"listing of {prefix!r}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    modified = item["LastModified"].astimezone(UTC)
                    yield Listed(item["Key"], item["Size"], int(modified.timestamp() * 1000))

    def redirect(self, key: str) -> str | None:
        """`/_s3/<scheme>/<host>/<bucket>/<key>?<signature>`: nginx asks that server, whichever the settings choose. Its name is signed too, as `Host`."""
        check_key(key)
        if not self._redirects:
            return None
        signed = urlsplit(
            self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=REDIRECT_VALID_S
            )
        )
        return f"/_s3/{signed.scheme}/{signed.netloc}{signed.path}?{signed.query}"

    def _has_bucket(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _is_missing(error):
                return False
            raise
        return True


def _config() -> Config:
    return Config(
        signature_version="s3v4",
        # The bucket in the path: its name has underscores, which no name of a host may have.
        s3={"addressing_style": "path"},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        # Check sums of S3's newer kind are not known to every compatible server; the body is signed in any case.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _location(region: str) -> dict[str, dict[str, str]]:
    """Where a bucket is to be. Amazon's first region is the one that may not be named."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _is_missing(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in _MISSING


def _status(error: ClientError) -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if _is_missing(error):
            raise NoSuchObject(what) from error
        raise StoreUnavailable(f"{what}: {error}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"{what}: {error}") from error
