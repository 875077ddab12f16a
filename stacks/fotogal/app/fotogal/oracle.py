"""What the stores in Oracle Cloud share: the account, how long to wait, how often to try again, the compartment. Imports the SDK: only for who chose it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oci.circuit_breaker import NoCircuitBreakerStrategy
from oci.config import from_file, validate_config
from oci.exceptions import BaseRequestException, ClientError, ServiceError
from oci.identity import IdentityClient
from oci.identity.models import CreateCompartmentDetails
from oci.pagination import list_call_get_all_results_generator
from oci.retry import RetryStrategyBuilder
from oci.retry.retry_checkers import RETRYABLE_STATUSES_AND_CODES

from fotogal.settings import BadSetting, OciSettings

TIMEOUTS_S = (3, 10)  # to connect, to answer
TRIES = 3
TRYING_S = 20
DESCRIPTION = "FotoGal"

# What the SDK raises when a service does not answer, or answers that it cannot.
UNREACHABLE = (ServiceError, BaseRequestException)


@dataclass(frozen=True, slots=True)
class Account:
    """`config` in the SDK's own form; `endpoints` replaces the addresses of services, by the name of the client (tests)."""

    config: dict[str, Any]
    compartment: str
    endpoints: dict[str, str]

    @property
    def tenancy(self) -> str:
        return str(self.config["tenancy"])

    def client(self, kind: type[Any]) -> Any:
        """One of the SDK's clients; the SDK has no types. It signs each request with the account's key."""
        endpoint = self.endpoints.get(kind.__name__)
        return kind(
            self.config,
            timeout=TIMEOUTS_S,
            retry_strategy=_retries(),
            # A service that comes back is to be found at the next request.
            circuit_breaker_strategy=NoCircuitBreakerStrategy(),
            **({"service_endpoint": endpoint} if endpoint else {}),
        )


def account(settings: OciSettings) -> Account:
    """Raises BadSetting if the SDK's file will not do."""
    try:
        config = from_file(str(settings.config), settings.profile)
        validate_config(config)
    except ClientError as error:
        raise BadSetting("FOTOGAL_OCI_CONFIG", f"{settings.config} [{settings.profile}]: {error}") from error
    return Account(config, settings.compartment, {})


class Compartment:
    """The compartment by its name."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client = account.client(IdentityClient)

    def find(self) -> str | None:
        """Its OCID, if there is such a compartment."""
        pages = list_call_get_all_results_generator(
            self._client.list_compartments, "record", self._account.tenancy, name=self._account.compartment
        )
        return next((str(found.id) for found in pages if found.lifecycle_state in ("ACTIVE", "CREATING")), None)

    def provision(self) -> tuple[str, list[str]]:
        """Its OCID, and what was done."""
        found = self.find()
        if found is not None:
            return found, []
        details = CreateCompartmentDetails(
            compartment_id=self._account.tenancy, name=self._account.compartment, description=DESCRIPTION
        )
        made = self._client.create_compartment(details, opc_retry_token=self._account.compartment).data
        return str(made.id), [f"created compartment {self._account.compartment}"]


def _retries() -> Any:
    """Throttling, time-outs and what a service calls its own fault are tried again, with growing pauses."""
    return (
        RetryStrategyBuilder()
        .add_max_attempts(max_attempts=TRIES)
        .add_total_elapsed_time(total_elapsed_time_seconds=TRYING_S)
        .add_service_error_check(
            service_error_retry_config=RETRYABLE_STATUSES_AND_CODES,
            service_error_retry_on_any_5xx=True,
        )
        .get_retry_strategy()
    )
