"""A project's supervisor process: `python -m cais.cli.supervise PROJECT`, started by commands, never by people."""

from __future__ import annotations

import gc
import os
import sys

from cais.cli.quickstart import import_asyncio, import_msgspec


def main(project: str) -> int:
    """Serve until nothing is left to watch."""
    gc.disable()  # loading makes no garbage, and somebody waits
    import_msgspec()
    import_asyncio()
    from cais.cli.options import GlobalOptions
    from cais.cli.wire import Wire
    from cais.engine.native.logwatch import LogWatch
    from cais.engine.native.network.relay import Relays
    from cais.linux.listeners import listening
    from cais.supervise.serve import serve
    from cais.supervise.spawn import ready_fd

    wire = Wire(GlobalOptions(), dict(os.environ), "/", os.getuid())
    networking, relays = wire.networking, Relays()
    serve(
        wire.engine,
        project,
        wire.locations,
        wire.clock,
        ready_fd=ready_fd(os.environ),
        hold=lambda published: networking.hold(project, (port for _, ports in published for port in ports)),
        relay=lambda published: relays.update(networking.ways(published)),
        upkeep=networking.ensure_name_server,
        listening=listening,
        log_watch=LogWatch(wire.locations).watch,
        warm_up=_import_for_probes,
    )
    return 0


def _import_for_probes() -> None:
    """What the first probe needs, before it is due: somebody waits for its result. All is loaded then."""
    import cais.engine.native.probe
    import cais.linux.namespaces  # noqa: F401

    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
