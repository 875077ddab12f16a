"""Oracle's NoSQL database through the official SDK, `borneo`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import borneo
import requests
from borneo.iam import SignatureProvider

from fotogal.catalogue.interface import Unavailable
from fotogal.catalogue.nosql.catalogue import NosqlCatalogue
from fotogal.catalogue.nosql.schema import READ_UNITS, STORAGE_GB, WRITE_UNITS, Index, Table
from fotogal.catalogue.nosql.tables import Row, Stored, Value
from fotogal.oracle import UNREACHABLE, Account, Compartment

# All tries of one request together.
TIMEOUT_MS = 5000
PROVISION_TIMEOUT_MS = 120_000
POLL_MS = 1000
_TYPES = {int: "LONG", str: "STRING", bool: "BOOLEAN"}


class OracleCatalogue(NosqlCatalogue):
    """Provisions its compartment too."""

    def __init__(self, account: Account) -> None:
        super().__init__(OracleTables(account))
        self._account = account

    def provision(self) -> list[str]:
        try:
            _, done = Compartment(self._account).provision()
        except UNREACHABLE as error:
            raise Unavailable(f"Oracle Cloud does not answer: {error}") from error
        return [*done, *super().provision()]


class OracleTables:
    """Implements `catalogue.nosql.tables.Tables`."""

    def __init__(self, account: Account) -> None:
        self._handle = borneo.NoSQLHandle(_configuration(account))
        self._prepared = lru_cache(maxsize=256)(self._prepare)

    def get(self, table: str, **key: Value) -> Stored | None:
        with _errors(table):
            found = self._handle.get(borneo.GetRequest().set_table_name(table).set_key(key))
        row = found.get_value()
        return None if row is None else Stored(dict(row), found.get_version())

    def put(self, table: str, row: Row) -> None:
        self._put(table, borneo.PutRequest().set_value(row))

    def put_if_absent(self, table: str, row: Row) -> bool:
        return self._put(table, borneo.PutRequest().set_value(row).set_option(borneo.PutOption.IF_ABSENT))

    def put_if_version(self, table: str, row: Row, version: object) -> bool:
        request = borneo.PutRequest().set_value(row).set_option(borneo.PutOption.IF_VERSION).set_match_version(version)
        return self._put(table, request)

    def delete(self, table: str, **key: Value) -> bool:
        with _errors(table):
            done = self._handle.delete(borneo.DeleteRequest().set_table_name(table).set_key(key))
        return bool(done.get_success())

    def query(self, statement: str, **values: Value) -> list[Row]:
        """The database answers in parts, each of which may be empty; the SDK asks for the next until there is none."""
        declared = "".join(f"${name} {_TYPES[type(value)]}; " for name, value in values.items())
        with _errors(statement):
            prepared = self._prepared(f"DECLARE {declared}{statement}" if declared else statement).copy_statement()
            for name, value in values.items():
                prepared.set_variable(f"${name}", value)
            answer = self._handle.query_iterable(borneo.QueryRequest().set_prepared_statement(prepared))
            return [dict(row) for row in answer]

    def tables(self) -> set[str]:
        found: list[str] = []
        with _errors("list of tables"):
            while page := self._handle.list_tables(borneo.ListTablesRequest().set_start_index(len(found))).get_tables():
                found += page
        return set(found)

    def indexes(self, table: str) -> set[str]:
        with _errors(table):
            found = self._handle.get_indexes(borneo.GetIndexesRequest().set_table_name(table)).get_indexes()
        return {index.get_index_name() for index in found}

    def create(self, item: Table | Index) -> None:
        request = borneo.TableRequest().set_statement(item.statement)
        if isinstance(item, Table):
            request.set_table_limits(borneo.TableLimits(READ_UNITS, WRITE_UNITS, STORAGE_GB))
        with _errors(item.name):
            self._handle.do_table_request(request, PROVISION_TIMEOUT_MS, POLL_MS)

    def close(self) -> None:
        self._handle.close()

    def _put(self, table: str, request: Any) -> bool:
        with _errors(table):
            return self._handle.put(request.set_table_name(table)).get_version() is not None

    def _prepare(self, statement: str) -> Any:
        """Prepared once: that costs a request of its own."""
        return self._handle.prepare(borneo.PrepareRequest().set_statement(statement)).get_prepared_statement()


def _configuration(account: Account) -> Any:
    config = account.config
    signer = SignatureProvider(
        tenant_id=config["tenancy"],
        user_id=config["user"],
        fingerprint=config["fingerprint"],
        private_key=config.get("key_content") or config["key_file"],
        pass_phrase=config.get("pass_phrase"),
        region=borneo.Regions.from_region_id(config["region"]),
    )
    return (
        borneo.NoSQLHandleConfig(account.endpoints.get("NoSQLHandle"), signer)
        # Without one the SDK writes a file beside the program: the container's files are read-only, and its log is stdout.
        .set_logger(logging.getLogger("borneo"))
        .set_default_compartment(account.compartment)
        .set_timeout(TIMEOUT_MS)
        # What was written is read from then on, by everybody.
        .set_consistency(borneo.Consistency.ABSOLUTE)
    )


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except borneo.TableNotFoundException as error:
        raise Unavailable(f"{what}: {error}; has `python -m fotogal provision` been run?") from error
    except (borneo.NoSQLException, requests.RequestException) as error:
        raise Unavailable(f"{what}: the catalogue does not answer: {error}") from error
