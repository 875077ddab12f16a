"""`cais port`."""

from __future__ import annotations

import argparse

from cais.cli.target import observed_project
from cais.cli.wire import Wire
from cais.errors import NotFoundError
from cais.project import select
from cais.project.status import place_text


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `port`."""
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("port", type=int, metavar="PRIVATE_PORT")
    parser.add_argument("--protocol", default="tcp", choices=("tcp", "udp"), help="the protocol (default: tcp)")
    parser.add_argument("--index", type=int, metavar="N", help="which replica")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Print where a container port is reachable on the host."""
    _, observed = observed_project(wire)
    container = select.replica(observed, args.service, args.index)
    for port in container.ports:
        if port.container_port == args.port and port.protocol.value == args.protocol:
            print(place_text(port))
            return 0
    raise NotFoundError(f'service "{args.service}" publishes no port for {args.port}/{args.protocol}')
