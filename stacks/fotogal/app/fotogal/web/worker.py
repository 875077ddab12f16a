"""gunicorn's threaded worker, which no longer lets visitors wait at a door that stays shut."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]


class Worker(ThreadWorker):  # type: ignore[misc]
    """After SIGTERM gunicorn accepts nothing more, but keeps its listening socket until the last request has ended: whoever connects
    meanwhile hears nothing, as long as somebody else's slow upload takes. Closed at once, the connection is refused, and a proxy in front
    asks another replica.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()
