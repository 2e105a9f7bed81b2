"""gunicorn's worker and logger, as Billhook needs them."""

import time
from typing import Any

from gunicorn.glogging import Logger as PlainLogger
from gunicorn.workers.gthread import ThreadWorker

from app import config
from app.http import draining, logs


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker that says it is stopping before it stops: for a moment it goes on, and is not ready any more.

    Then it closes the port and answers what has begun to arrive, as gunicorn's own does.
    """

    alive: bool
    _stop_at: float | None = None

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002 - gunicorn's signature
        """SIGTERM: not ready from now on."""
        if self._stop_at is None:
            draining.begin()
            booted = getattr(self, "wsgi", None)
            self._stop_at = time.monotonic() + (booted.config["BILLHOOK"].drain_seconds if booted else 0)
            self.method_queue.defer(_wake)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of gunicorn's loop, which ends when there was time enough to go elsewhere."""
        if self._stop_at is not None and self.alive:
            left = self._stop_at - time.monotonic()
            self.alive = left > 0
            timeout = max(0.0, min(timeout, left))
        super().wait_for_and_dispatch_events(timeout)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's signature
        """When nothing more is accepted for good, close the port: who comes now is refused at once, and goes elsewhere.

        Left open until the end, the system would go on taking connections that nobody answers.
        """
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._accept_the_waiting(listener)
                listener.close()

    def _accept_the_waiting(self, listener: Any) -> None:
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)


class Logger(PlainLogger):  # type: ignore[misc]
    """gunicorn's own messages, in the form of ours."""

    def setup(self, cfg: Any) -> None:
        """Route them."""
        super().setup(cfg)
        logs.route(config.load(), self.error_log.name)


def _wake() -> None:
    """The loop looks at the clock when there is something to do."""
