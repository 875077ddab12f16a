"""The life of a supervisor process: one a project, from its lock to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Callable

from cais.clock import Clock
from cais.database import Database
from cais.durable import try_lock
from cais.engine.protocol import Engine
from cais.locations import Locations
from cais.supervise.channel import ProjectPaths, project_paths
from cais.supervise.clerk import Clerk, Hold, Relay, Upkeep
from cais.supervise.exits import PidfdWatch
from cais.supervise.history import History
from cais.supervise.journal import Journal
from cais.supervise.loop import Listening, LogWatch, Supervisor
from cais.supervise.server import Server

LINGER_S = 5.0  # without anything to watch
READY = b"+"


def serve(
    engine: Engine,
    project: str,
    locations: Locations,
    clock: Clock,
    *,
    ready_fd: int | None = None,
    hold: Hold | None = None,
    relay: Relay | None = None,
    upkeep: Upkeep | None = None,
    listening: Listening | None = None,
    log_watch: LogWatch | None = None,
    warm_up: Callable[[], None] = lambda: None,
    linger_s: float = LINGER_S,
) -> bool:
    """Supervise `project` until nothing is left to watch, or SIGTERM. False, at once, when another supervisor does so already.

    Containers are never touched at the end. `ready_fd` is written to, and closed, when commands may connect. `hold` gives
    what keeps the published ports of the project; it is asked again, what it gave being closed first, whenever those have changed. `relay` is told of them too.
    `upkeep` is called every few seconds while something runs (helpers of the engine that may have died). `warm_up` is called once commands may connect.
    """
    paths = project_paths(locations, project)
    os.makedirs(paths.folder, mode=0o700, exist_ok=True)
    lock = try_lock(paths.lock)
    if lock is None:
        return False
    os.chdir("/")  # no file system is kept from being unmounted
    journal = Journal(paths.log)
    try:
        history = History(Database(locations.database), project)
        exits = PidfdWatch()
        booted_at = clock.now() - time.clock_gettime(time.CLOCK_BOOTTIME)
        clerk = Clerk(clock, history, journal, hold=hold, relay=relay, upkeep=upkeep)
        supervisor = Supervisor(
            engine, project, clock, clerk, exits, booted_at=booted_at, listening=listening, log_watch=log_watch
        )
        asyncio.run(_live(supervisor, paths, ready_fd, warm_up, linger_s))
    except BaseException as error:
        journal.write(clock.now(), "the supervisor ends: " + "".join(traceback.format_exception(error)))
        raise
    finally:
        os.close(lock)
    return True


async def _live(
    supervisor: Supervisor, paths: ProjectPaths, ready_fd: int | None, warm_up: Callable[[], None], linger_s: float
) -> None:
    ending = asyncio.Event()

    def end() -> None:
        ending.set()
        supervisor.changed.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    server = Server(supervisor)
    try:
        await supervisor.adopt()
        async with server.listening(paths):
            if ready_fd is not None:
                os.write(ready_fd, READY)
                os.close(ready_fd)
            warm_up()
            await _until_idle(supervisor, server, ending, linger_s)
    finally:
        await supervisor.close()


async def _until_idle(supervisor: Supervisor, server: Server, ending: asyncio.Event, linger_s: float) -> None:
    """Until nobody has needed the supervisor for `linger_s`, or `ending`."""
    while not ending.is_set():
        supervisor.changed.clear()
        needed = supervisor.is_needed or server.connections > 0
        try:
            await asyncio.wait_for(supervisor.changed.wait(), None if needed else linger_s)
        except TimeoutError:
            return
