"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does: no test fails by the clock.
settings.register_profile("cais", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cais")
