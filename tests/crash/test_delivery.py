"""Nothing lost, nothing doubled: processes, Redis and the receiver go away under load, and come back or do not.

The long run is `python -m tests.crash.long`; this is a little of it, and what happens around it.
"""

import os
import random
import socket
import time
from contextlib import ExitStack

import pytest
import redis as redis_client

from tests.crash.long import one_round
from tests.crash.storm import Storm
from tests.jobs.test_processes import start_redis
from tests.support.receivers import Receiver
from tests.support.services import require

ROUNDS = 2
AWAY = float(os.environ.get("BILLHOOK_TEST_REDIS_AWAY", "2.5"))  # seconds without Redis
POSTGRES = pytest.mark.parametrize("home", ["postgresql"], indirect=True)


class OwnRedis:
    """A server of this test alone, which can go away and come back, empty, at the same address."""

    def __init__(self, folder):
        self.folder, self.stack = folder, ExitStack()
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.start()

    def start(self):
        server = self.stack.enter_context(require(start_redis()))
        self.socket.symlink_to(server.url.removeprefix("unix://"))

    def stop(self):
        self.stack.close()
        self.socket.unlink()

    def client(self):
        return redis_client.Redis.from_url(self.url)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    """A Redis that may be flushed and stopped."""
    made = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield made
    made.stack.close()


@pytest.fixture(scope="module")
def raging(home, request):
    """An installation: SQLite by itself and mail in files; PostgreSQL with Redis, two workers and a mail server."""
    sqlite = home.kind == "sqlite"
    with Storm(home) if sqlite else Storm(home, request.getfixturevalue("redis").url, 2, smtp=True) as made:
        yield made


@pytest.fixture
def storm(raging):
    """The installation, running; what became of the clients of earlier tests is forgotten, what they did is not."""
    raging.start()
    raging.lost_answers, raging.slowest, raging.refusals = 0, 0.0, []
    return raging


def test_killed_processes_lose_nothing_and_double_nothing(storm):
    chance = random.Random(7)  # noqa: S311 - when to kill is no secret
    for _ in range(ROUNDS):
        told = one_round(storm, chance, kills=1)
        assert storm.found == [], told
    assert storm.kills >= ROUNDS


@POSTGRES
def test_redis_is_emptied_again_and_again_under_load(storm, redis):
    with storm.load(), redis.client() as client:
        for _ in range(20):
            time.sleep(0.1)
            client.flushall()
    assert storm.broken() == []
    assert storm.lost_answers == 0
    assert storm.recovery < 10


@POSTGRES
def test_redis_goes_away_and_comes_back_under_load(storm, redis):
    with storm.load():
        time.sleep(0.5)
        redis.stop()
        done = len(storm.done)
        time.sleep(AWAY)
        assert len(storm.done) > done + 4 * AWAY, "requests wait for Redis"
        redis.start()
        time.sleep(0.5)
    assert storm.broken() == []
    assert storm.lost_answers == 0, "every request was answered, and with 2xx"
    assert storm.slowest < 5, "the machine may be busy; a request that waited for Redis would take longer"


def test_a_receiver_that_was_down_gets_everything_in_order(storm):
    before = storm.receiver
    before.close()
    with storm.load():
        time.sleep(1.5)
    assert len(storm.arrived()) < len(storm.owed()), "it was not down"
    storm.receiver = again_at(before)
    assert storm.broken() == []
    hook = storm.get("/webhooks")["data"][0]["id"]
    tried = storm.every(f"/webhooks/{hook}/deliveries")
    assert {each["state"] for each in tried} == {"delivered"}
    late = {each["id"] for each in tried if each["attempt_count"] > 1}
    assert late, "nothing was tried while it was down"
    assert late <= {seen.headers["x-webhook-delivery-id"] for seen in storm.receiver.seen}


def again_at(closed: Receiver) -> Receiver:
    """A receiver where another has been; it knows what that one got."""
    with pytest.MonkeyPatch.context() as patch:
        create = socket.create_server
        patch.setattr(socket, "create_server", lambda at, **given: create((at[0], closed.port), **given))
        made = Receiver()
    made.seen.extend(closed.seen)
    return made
