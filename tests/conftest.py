"""What holds for all tests."""

import os
import signal

from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """No test fails by the clock, nor by what it was started from."""
    # How long an example takes depends on what else the machine does.
    settings.register_profile("cais", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("cais")
    # A shell starts its jobs in the background with Ctrl-C ignored, and whatever the tests start would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # They name a project and its files to every command that the tests start.
    for name in [name for name in os.environ if name.startswith("COMPOSE_")]:
        del os.environ[name]
