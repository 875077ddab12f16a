"""The command line of a supervisor over a ProcessEngine: `python -m tests.fakes.supervise_processes FOLDER PROJECT LINGER_S`."""

import os
import sys

from cais.clock import SystemClock
from cais.locations import find_locations
from cais.supervise.serve import serve
from cais.supervise.spawn import ready_fd
from tests.fakes.process_engine import ProcessEngine

if __name__ == "__main__":
    folder, project, linger_s = sys.argv[1:]
    served = serve(
        ProcessEngine(folder),
        project,
        find_locations(os.environ, uid=os.getuid()),
        SystemClock(),
        ready_fd=ready_fd(os.environ),
        linger_s=float(linger_s),
    )
    sys.exit(0 if served else 3)
