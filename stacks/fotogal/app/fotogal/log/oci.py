"""Sends log lines to Oracle Cloud's Logging service: the log `fotogal_customlog_app` of the group `fotogal_loggroup`."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Sequence

from oci.logging import LoggingManagementClient
from oci.logging.models import CreateLogDetails, CreateLogGroupDetails
from oci.loggingingestion import LoggingClient
from oci.loggingingestion.models import LogEntry, LogEntryBatch, PutLogsDetails
from oci.pagination import list_call_get_all_results_generator

from fotogal.log.shipping import Line
from fotogal.oracle import DESCRIPTION, Account, Compartment
from fotogal.settings import LOG
from fotogal.settings import LOG_GROUP as GROUP

_SPECIFICATION = "1.0"


class NoSuchLog(Exception):
    """The log is not there: has `python -m fotogal provision` been run?"""


class LogSender:
    """A call sends a batch. Raises `oracle.UNREACHABLE` and NoSuchLog. The log is looked for at the first batch, not at the start of the program."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client = account.client(LoggingClient)
        self._log_id = ""

    def __call__(self, lines: Sequence[Line]) -> None:
        if not self._log_id:
            self._log_id = _find(self._account)
        entries = [LogEntry(data=line.text, id=str(uuid.uuid4()), time=line.time) for line in lines]
        batch = LogEntryBatch(
            entries=entries, source=socket.gethostname(), type="fotogal.application", defaultlogentrytime=lines[0].time
        )
        self._client.put_logs(self._log_id, PutLogsDetails(specversion=_SPECIFICATION, log_entry_batches=[batch]))


def provision(account: Account) -> list[str]:
    """Creates the group and the log if they are missing. What was done, a line each. Both are made in the background: a second run waits for nothing."""
    compartment, done = Compartment(account).provision()
    client = account.client(LoggingManagementClient)
    group = _first(client.list_log_groups, compartment, display_name=GROUP)
    if group is None:
        client.create_log_group(
            CreateLogGroupDetails(compartment_id=compartment, display_name=GROUP, description=DESCRIPTION),
            opc_retry_token=GROUP,
        )
        done.append(f"created log group {GROUP}")
        group = _first(client.list_log_groups, compartment, display_name=GROUP)
    if group is None:
        return [*done, f"log group {GROUP} is being made; run this again for its log"]
    if _first(client.list_logs, group, display_name=LOG) is None:
        client.create_log(
            group,
            CreateLogDetails(display_name=LOG, log_type=CreateLogDetails.LOG_TYPE_CUSTOM, is_enabled=True),
            opc_retry_token=LOG,
        )
        done.append(f"created log {LOG}")
    return done


def _find(account: Account) -> str:
    client = account.client(LoggingManagementClient)
    compartment = Compartment(account).find()
    group = compartment and _first(client.list_log_groups, compartment, display_name=GROUP)
    log = group and _first(client.list_logs, group, display_name=LOG)
    if not log:
        raise NoSuchLog(
            f"there is no log {LOG} in {GROUP} of {account.compartment}; has `python -m fotogal provision` been run?"
        )
    return log


def _first(call: object, where: str, **conditions: str) -> str | None:
    """The OCID of the first that a listing has."""
    found = next(iter(list_call_get_all_results_generator(call, "record", where, **conditions)), None)
    return None if found is None else str(found.id)
