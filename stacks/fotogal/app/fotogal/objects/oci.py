"""Objects in Oracle Cloud's Object Storage, through the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from oci.exceptions import ServiceError
from oci.object_storage import ObjectStorageClient
from oci.object_storage.models import CreateBucketDetails

from fotogal.objects.interface import Listed, NoSuchObject, StoreUnavailable, check_key
from fotogal.oracle import UNREACHABLE, Account, Compartment

_PAGE = 1000


class OciStore:
    """The bucket `bucket` of the account. Implements `objects.interface.ObjectStore`. Nothing is asked before the first call."""

    def __init__(self, account: Account, bucket: str) -> None:
        self._account = account
        self._bucket = bucket
        self._client = account.client(ObjectStorageClient)
        self._namespace = ""

    @property
    def host_fqdn(self) -> str:
        return urlsplit(self._client.base_client.endpoint).hostname or ""

    def provision(self) -> list[str]:
        with _errors(self._bucket):
            if self._has_bucket():
                return []
            compartment, done = Compartment(self._account).provision()
            details = CreateBucketDetails(
                name=self._bucket,
                compartment_id=compartment,
                public_access_type=CreateBucketDetails.PUBLIC_ACCESS_TYPE_NO_PUBLIC_ACCESS,
                storage_tier=CreateBucketDetails.STORAGE_TIER_STANDARD,
                versioning=CreateBucketDetails.VERSIONING_DISABLED,
            )
            self._client.create_bucket(self._tenants(), details)
            return [*done, f"created bucket {self._bucket}"]

    def ready(self) -> None:
        with _errors(self._bucket):
            if not self._has_bucket():
                raise StoreUnavailable(
                    f"there is no bucket {self._bucket}; has `python -m fotogal provision` been run?"
                )

    def close(self) -> None:
        self._client.base_client.session.close()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        check_key(key)
        with _errors(key):
            self._client.put_object(self._tenants(), self._bucket, key, data, content_type=content_type)

    def get(self, key: str) -> bytes:
        check_key(key)
        with _errors(key):
            content: bytes = self._client.get_object(self._tenants(), self._bucket, key).data.content
        return content

    def delete(self, key: str) -> None:
        check_key(key)
        with _errors(key):
            try:
                self._client.delete_object(self._tenants(), self._bucket, key)
            except ServiceError as error:
                if not _is_missing_object(error):
                    raise

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        start: str | None = ""
        while start is not None:
            with _errors(f"listing of {prefix!r}"):
                page = self._client.list_objects(
                    self._tenants(),
                    self._bucket,
                    prefix=prefix,
                    start=start,
                    limit=_PAGE,
                    fields="name,size,timeModified",
                ).data
            for item in page.objects:
                yield Listed(item.name, item.size, int(item.time_modified.timestamp() * 1000))
            start = page.next_start_with

    def redirect(self, key: str) -> str | None:
        """None: an address that others may use has to be asked for at the service, one by one. With `FOTOGAL_OBJECTS=s3` the same bucket is signed for here."""
        check_key(key)

    def _tenants(self) -> str:
        """The tenancy's namespace; asked once."""
        if not self._namespace:
            self._namespace = str(self._client.get_namespace().data)
        return self._namespace

    def _has_bucket(self) -> bool:
        try:
            self._client.head_bucket(self._tenants(), self._bucket)
        except ServiceError as error:
            if error.status == 404:
                return False
            raise
        return True


def _is_missing_object(error: ServiceError) -> bool:
    """A bucket that is missing is another thing, and so is one that may not be seen."""
    return bool(error.status == 404 and error.code == "ObjectNotFound")


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except UNREACHABLE as error:
        if isinstance(error, ServiceError) and _is_missing_object(error):
            raise NoSuchObject(what) from error
        raise StoreUnavailable(f"{what}: Oracle Cloud does not answer: {error}") from error
