"""Oracle's NoSQL service at the HTTP edge: what the SDK sends is decoded, done by the stand-in, and answered in the service's binary form (NSON).

The codes are those of the SDK itself (`borneo.nson_protocol`), which encodes and decodes here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from borneo import nson_protocol as names
from borneo.common import ByteInputStream, ByteOutputStream
from borneo.nson import Nson, NsonSerializer, Proto
from borneo.serdeutil import SerdeUtil
from nosql_standin import SqliteTables
from oracle_cloud import Answer, Asked

from fotogal.catalogue.nosql.schema import INDEXES, TABLES

PATH = "/V2/nosql/data"
OP = SerdeUtil.OP_CODE
THROTTLED = 50
UNAVAILABLE = 102
NO_TABLE = 2
_DECLARE = re.compile(r"DECLARE (?:\$\w+ \w+; )+")

Message = dict[str, Any]


def decoded(body: bytes) -> Message:
    """What a request says, behind its two bytes of a version."""
    found: Message = Proto.nson_to_value(ByteInputStream(bytearray(body[2:])))
    return found


def encoded(message: Message) -> Answer:
    content = bytearray()
    Nson.generate_events_from_value(message, NsonSerializer(ByteOutputStream(content)))
    return Answer(200, bytes(content), {"Content-Type": "application/octet-stream"})


def refused(code: int, text: str) -> Answer:
    return encoded({names.ERROR_CODE: code, names.EXCEPTION: text})


class Proxy:
    """`page`: how many rows a query answers at once."""

    def __init__(self) -> None:
        self.tables = SqliteTables()
        self.page = 1000

    def respond(self, asked: Asked) -> Answer:
        assert asked.path == PATH
        message = decoded(asked.body)
        header, payload = message[names.HEADER], message.get(names.PAYLOAD) or {}
        return encoded(self._operations()[header[names.OP_CODE]](header.get(names.TABLE_NAME, ""), payload))

    def _operations(self) -> dict[int, Callable[[str, Message], Message]]:
        return {
            OP.GET: self._get,
            OP.PUT: self._put,
            OP.PUT_IF_ABSENT: lambda table, said: _written(self.tables.put_if_absent(table, dict(said[names.VALUE]))),
            OP.PUT_IF_VERSION: self._put_if_version,
            OP.DELETE: lambda table, said: {names.SUCCESS: self.tables.delete(table, **said[names.KEY])},
            OP.PREPARE: lambda _, said: {names.PREPARED_QUERY: bytearray(b"\0" + said[names.STATEMENT].encode())},
            OP.QUERY: self._query,
            OP.LIST_TABLES: self._list,
            OP.GET_INDEXES: lambda table, _: {
                names.INDEXES: [{names.NAME: name, names.FIELDS: []} for name in sorted(self.tables.indexes(table))]
            },
            OP.TABLE_REQUEST: self._table,
            OP.GET_TABLE: lambda table, _: _state(table),
        }

    def _get(self, table: str, said: Message) -> Message:
        found = self.tables.get(table, **said[names.KEY])
        if found is None:
            return {names.ERROR_CODE: 0}
        return {names.ROW: {names.VALUE: found.row, names.ROW_VERSION: _version(found.version)}}

    def _put(self, table: str, said: Message) -> Message:
        self.tables.put(table, dict(said[names.VALUE]))
        return {names.ROW_VERSION: _version(0)}

    def _put_if_version(self, table: str, said: Message) -> Message:
        version = int(bytes(said[names.ROW_VERSION]).decode())
        return _written(self.tables.put_if_version(table, dict(said[names.VALUE]), version))

    def _query(self, _: str, said: Message) -> Message:
        statement = _DECLARE.sub("", bytes(said[names.PREPARED_QUERY])[1:].decode())
        values = {bound[names.NAME][1:]: bound[names.VALUE] for bound in said.get(names.BIND_VARIABLES, [])}
        rows = self.tables.query(statement, **values)
        begin = int(bytes(said.get(names.CONTINUATION_KEY, b"0")).decode())
        end = begin + self.page
        rest = {names.CONTINUATION_KEY: bytearray(str(end).encode())} if end < len(rows) else {}
        return {names.QUERY_RESULTS: rows[begin:end], **rest}

    def _list(self, _: str, said: Message) -> Message:
        begin, most = said[names.LIST_START_INDEX], said[names.LIST_MAX_TO_READ]
        found = sorted(self.tables.tables())[begin:][: min(most or self.page, self.page)]
        return {names.TABLES: found, names.LAST_INDEX: begin + len(found)}

    def _table(self, _: str, said: Message) -> Message:
        """A table or an index is being made; who asks again hears that it is there."""
        item = next(item for item in (*TABLES, *INDEXES) if item.statement == said[names.STATEMENT])
        self.tables.create(item)
        table = item.name if item in TABLES else item.table  # type: ignore[union-attr] # an index
        return _state(table, SerdeUtil.TABLE_STATE.CREATING)


def _version(number: object) -> bytearray:
    return bytearray(str(number).encode())


def _written(done: object) -> Message:
    return {names.ROW_VERSION: _version(0)} if done else {names.ERROR_CODE: 0}


def _state(table: str, state: int = SerdeUtil.TABLE_STATE.ACTIVE) -> Message:
    return {names.TABLE_NAME: table, names.TABLE_STATE: state, names.OPERATION_ID: "operation"}
