from tests.e2e.engine.conftest import busybox_root, locations

__all__ = ["busybox_root", "locations"]
