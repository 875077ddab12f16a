"""The command line of a supervisor over the native engine: `python -m tests.e2e.supervise.supervisor ROOTFS PROJECT`."""

import os
import sys

from tests.e2e.engine.surroundings import World

from cais.clock import SystemClock
from cais.images.model import RunConfig
from cais.locations import find_locations
from cais.supervise.serve import serve
from cais.supervise.spawn import ready_fd

if __name__ == "__main__":
    rootfs, project = sys.argv[1:]
    locations = find_locations(os.environ, uid=0)
    world = World(locations, rootfs, RunConfig(cmd=("sleep", "1000")))
    serve(world.engine, project, locations, SystemClock(), ready_fd=ready_fd(os.environ), linger_s=1.0)
