"""The supervisor's end of the channel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import msgspec

from cais.supervise.channel import (
    Failure,
    Hello,
    Noted,
    ProjectPaths,
    Refresh,
    Reply,
    Request,
    Subscribe,
    Wait,
    short_address,
)
from cais.supervise.loop import Supervisor

R = TypeVar("R")

LONGEST_LINE_BYTES = 1 << 20
BACKLOG = 256


class Server:
    """Answers commands. `connections` counts those that are open: a client that is there keeps the supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._decoder = msgspec.json.Decoder(Request)
        self.connections = 0

    @contextlib.asynccontextmanager
    async def listening(self, paths: ProjectPaths) -> AsyncIterator[None]:
        """Listen within the block. The caller holds the project's lock, so a socket file that is there is a dead one's."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        with contextlib.suppress(FileNotFoundError):  # the usual case
            os.unlink(paths.socket)
        with short_address(paths) as address:
            listener.bind(address)
        os.chmod(paths.socket, 0o600)
        listener.listen(BACKLOG)
        server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LONGEST_LINE_BYTES)
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):  # somebody cleaned the folder
                os.unlink(paths.socket)
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while line := await reader.readline():
                await self._answer(line, reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return  # the client went away, or does not speak our language
        finally:
            self.connections -= 1
            self._supervisor.changed.set()
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = self._decoder.decode(line)
            match request:
                case Hello():
                    await _send(writer, Noted())
                case Refresh(container_ids):
                    await self._supervisor.refresh(container_ids)
                    await _send(writer, Noted())
                case Wait(container_id, goal, timeout_s, max_restarts):
                    wait = self._supervisor.wait(container_id, goal, timeout_s, max_restarts)
                    await _send(writer, await _while_connected(reader, wait))
                case Subscribe():
                    await _while_connected(reader, self._stream(writer))
        except (OSError, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # noqa: BLE001 - told to the client, whose request it was
            await _send(writer, Failure(str(error) or type(error).__name__))

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        listener = self._supervisor.audience.listen()
        try:
            await _send(writer, Noted())
            while (event := await listener.queue.get()) is not None:
                await _send(writer, event)
        finally:
            self._supervisor.audience.ignore(listener)
        raise ConnectionAbortedError("the listener fell behind, or the supervisor ends")


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    writer.write(msgspec.json.encode(reply) + b"\n")
    await writer.drain()


async def _while_connected(reader: asyncio.StreamReader, work: Coroutine[Any, Any, R]) -> R:
    """The result of `work`, given up when the client goes. Nobody sends while waiting, so whatever can be read is the end."""
    task = asyncio.ensure_future(work)
    end = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ConnectionResetError("the client went away")
    finally:
        for each in (task, end):
            each.cancel()
        await asyncio.gather(task, end, return_exceptions=True)
