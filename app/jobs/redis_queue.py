"""Redis between processes: RQ messages that say "there is work for this source", and nothing else.

The rows are the truth. A message that is lost, doubled or late costs at most one poll; while one waits, no second is
sent. Loaded only where there is a Redis: it brings a lot of code along.
"""

import contextlib
import hashlib
import logging
import queue
import time
from collections.abc import Callable
from functools import cached_property
from typing import cast

import redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.job import Job as Message
from rq.timeouts import TimerDeathPenalty

from app.config import Settings

log = logging.getLogger("app.jobs")

MESSAGE_SECONDS = 60  # one whose reader died on the way must not stand in the way of the next for long
ANSWER_SECONDS = 2
REST_SECONDS = 1
BLOCK_SECONDS = 5
LOG_AGAIN_SECONDS = 60
FUNCTION = "app.jobs.work.wake"  # what RQ's own tools show


class Redis:
    """The installation's queue."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis_url
        # Installations may share a Redis; the secret is what all processes of one have in common, and nobody else.
        self.name = f"billhook-{hashlib.sha256(b'queue' + settings.secret_key.encode()).hexdigest()[:12]}"
        self._silent_until = 0.0

    @cached_property
    def connection(self) -> "redis.Redis":
        """Connections that give up soon."""
        return redis.Redis.from_url(
            self._url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=BLOCK_SECONDS + ANSWER_SECONDS
        )

    @cached_property
    def queue(self) -> Queue:
        """The queue. RQ's own timeouts are signals, which threads cannot have."""
        return Queue(self.name, connection=self.connection, serializer="json", death_penalty_class=TimerDeathPenalty)

    def complain(self, error: Exception) -> None:
        """Once a minute: Redis is away."""
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + LOG_AGAIN_SECONDS
            log.warning("Redis does not answer (%s): workers find their work by polling until it does", error)


def send_for_ever(settings: Settings, names: "queue.SimpleQueue[str]") -> None:
    """Send a message for each name that is put into the queue. Runs on a thread: a request never waits for Redis."""
    place = Redis(settings)
    while True:
        wanted = {names.get()}
        while not names.empty():
            wanted.add(names.get())
        try:
            for name in sorted(wanted):
                _send(place, name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows are there and the poll finds them
            place.complain(error)
            time.sleep(REST_SECONDS)


def listen_for_ever(settings: Settings, wake: Callable[[str], None]) -> None:
    """Wake the runner of a worker process for each message. Runs on a thread."""
    place = Redis(settings)
    while True:
        try:
            _listen(place, wake)
        except Exception as error:  # noqa: BLE001 - as above
            place.complain(error)
            time.sleep(REST_SECONDS)


def _send(place: Redis, name: str) -> None:
    message = f"{place.name}-{name}"
    # One that waits already will do: whoever reads it finds this work too.
    with contextlib.suppress(DuplicateJobError):
        place.queue.enqueue(FUNCTION, name, job_id=message, unique=True, ttl=MESSAGE_SECONDS, result_ttl=0)


def _listen(place: Redis, wake: Callable[[str], None]) -> None:
    """Take one message. It is gone before the work is looked for, so that what comes meanwhile sends another."""
    found = cast("tuple[bytes, bytes] | None", place.connection.blpop([place.queue.key], BLOCK_SECONDS))
    if found:
        message = found[1].decode()
        place.connection.delete(Message.key_for(message))
        wake(message.removeprefix(f"{place.name}-"))
