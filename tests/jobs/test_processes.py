"""Real processes: killed, stopped, forked, started side by side; with Redis, without it, and while it goes away."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
import redis as redis_client
import requests

from app.cli.serve import server_command
from app.data.transaction import unit_of_work
from app.jobs import engine, service
from app.jobs.engine import EXTENSION
from tests.cli.home import ROOT, kill
from tests.jobs import site
from tests.jobs.test_runner import ONCE, SECONDS, wait_for
from tests.support.processes import CannotUseError
from tests.support.services import Redis, Unavailable, redis_of_system, redis_of_wheel, require

POSTGRES = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
LONG = 30


@contextmanager
def running(place, command, *, pass_fds=(), **environment):
    """A process in a group of its own, killed at the end if it still lives. Its output: process.stdout."""
    sees = place.environment | {"FLASK_APP": "tests.jobs.site", "PYTHONPATH": str(ROOT)} | environment
    process = subprocess.Popen(
        command, env=sees, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True, pass_fds=pass_fds
    )
    with process:
        try:
            yield process
        finally:
            kill(process)


def worker(place, *options, **environment):
    return running(place, [sys.executable, "-m", "flask", "worker", *options], **environment)


@contextmanager
def serving(place, *options, workers=1, **environment):
    """Gunicorn, which nobody has asked anything yet: its address, and the process."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        command = server_command(f"fd://{listener.fileno()}", workers=workers, threads=4)
        command = [*command[:-1], *options, "tests.jobs.site:serve_app()"]
        with running(place, command, pass_fds=[listener.fileno()], **environment) as process:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", process


def notes(count):
    with unit_of_work():
        for number in range(count):
            site.note.enqueue(text=str(number))


def noted(ran):
    return Counter(text for what, text, _ in ran() if what == "note")


def state(job_id):
    return service.shown(job_id)["state"]


def test_a_job_whose_worker_is_killed_is_run_by_another(app, place, ran):
    with unit_of_work():
        made = site.slow.enqueue(text="a", seconds=1.5)
    with worker(place) as first:
        wait_for(lambda: any(what == "start" for what, _, _ in ran()), LONG)
        kill(first)
    killed = time.monotonic()
    runner = app.extensions[EXTENSION].make_runner()
    runner.start()
    wait_for(lambda: state(made) == "done")
    assert site.LEASE - 0.5 < time.monotonic() - killed - 1.5 < site.LEASE + 5
    runner.stop()
    assert [what for what, text, _ in ran() if text == "a"] == ["start", "start", "end"]
    assert service.shown(made)["attempts"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@ONCE
def test_a_signal_ends_a_worker_after_what_it_does(app, place, ran, number):
    with unit_of_work():
        made = site.slow.enqueue(text="a", seconds=1)
    with worker(place, BILLHOOK_WORKER_THREADS="1") as process:
        wait_for(lambda: any(what == "start" for what, _, _ in ran()), LONG)
        with unit_of_work():
            late = site.note.enqueue(text="late")
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
        said = process.stdout.read()
    assert (state(made), state(late)) == ("done", "ready")
    assert said.startswith("Working: ") and " jobs (1)" in said and "Stopping" in said


def test_bursts_side_by_side_run_each_job_once(app, place, ran):
    notes(60)
    with worker(place, "--burst") as first, worker(place, "--burst") as second:
        said = [process.communicate(timeout=LONG)[0] for process in (first, second)]
        assert [process.returncode for process in (first, second)] == [0, 0]
    assert noted(ran) == {str(number): 1 for number in range(60)}
    done = sum(int(re.search(r"Did (\d+) piece", each)[1]) for each in said)
    assert done == 60 + 3, "the schedule's first jobs are among them"


@pytest.mark.parametrize("options", [(), ("--preload",)])
@ONCE
def test_a_server_does_what_was_left_over_without_being_asked_anything(app, place, ran, options):
    notes(20)
    with serving(place, *options, workers=2) as (base, process):
        wait_for(lambda: noted(ran).total() >= 20, LONG)
        assert noted(ran) == {str(number): 1 for number in range(20)}
        assert process.pid not in {pid for _, _, pid in ran()}, "the parent of the servers does not work"
        requests.get(f"{base}/health", timeout=SECONDS)
        begun = time.monotonic()
        for number in range(8):
            assert requests.post(f"{base}/work?text=web{number}", timeout=SECONDS).status_code == 202
        wait_for(lambda: noted(ran).total() == 28)
        assert time.monotonic() - begun < 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert set(noted(ran).values()) == {1}


@ONCE
def test_a_server_that_is_stopped_lets_its_job_finish(app, place, ran):
    with unit_of_work():
        made = site.slow.enqueue(text="a", seconds=1.5)
    with serving(place) as (_, process):
        wait_for(lambda: any(what == "start" for what, _, _ in ran()), LONG)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert state(made) == "done"


class Asked(engine.Engine):
    """Notes that it was to start."""

    started = 0

    def _start_soon(self):
        self.started += 1


@ONCE
@pytest.mark.parametrize(
    ("worker", "url", "starts"),
    [("auto", "", 1), ("auto", "redis://r", 0), ("thread", "redis://r", 1), ("none", "", 0), ("none", "redis://r", 0)],
)
def test_who_works(place, monkeypatch, worker, url, starts):
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
    settings = {"database_url": place.url, "instance_path": place.instance, "worker": worker}
    made = site.create_app(settings | ({"redis_url": url} if url else {}))
    asked = Asked(made, made.config["BILLHOOK"])
    asked.serve()
    assert asked.started == starts


@ONCE
def test_a_command_that_loads_the_server_s_application_does_no_work(place, monkeypatch):
    for name, value in place.environment.items():
        if name.startswith("BILLHOOK_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    site.serve_app()
    assert "jobs-start" not in [thread.name for thread in threading.enumerate()]


@dataclass
class OwnRedis:
    """A server of this test alone, to be flushed and stopped."""

    url: str
    stack: ExitStack

    def client(self):
        return redis_client.Redis.from_url(self.url)

    def stop(self):
        self.stack.close()


def start_redis() -> Redis | Unavailable:
    reasons = []
    for way in (redis_of_wheel, redis_of_system):
        try:
            return way()
        except (CannotUseError, OSError) as error:
            reasons.append(str(error))
    return Unavailable("Redis", "; ".join(reasons))


@pytest.fixture
def redis():
    with ExitStack() as stack:
        server = stack.enter_context(require(start_redis()))
        yield OwnRedis(server.url, stack)


@pytest.fixture
def telling(app, place, redis):
    """The application in this process, which tells workers through Redis."""
    made = site.create_app({"database_url": place.url, "instance_path": place.instance, "redis_url": redis.url})
    with made.app_context():
        yield made


@POSTGRES
def test_redis_wakes_a_worker_at_once_and_is_told_little(telling, place, ran, redis):
    for number in range(200):
        with unit_of_work():
            site.note.enqueue(text=str(number))
    with redis.client() as client:
        wait_for(lambda: client.keys("rq:queue:*"))
        (queue,) = client.keys("rq:queue:*")
        assert client.llen(queue) == 1, "one message says it all"
        with worker(place, BILLHOOK_REDIS_URL=redis.url, BILLHOOK_WORKER_POLL_SECONDS="60"):
            wait_for(lambda: noted(ran).total() == 200, LONG)
            time.sleep(0.3)
            waits = []
            for number in range(5):
                begun = time.monotonic()
                with unit_of_work():
                    site.note.enqueue(text=f"late{number}")
                wait_for(lambda: f"late{number}" in noted(ran))  # noqa: B023 - asked before the next round
                waits.append(time.monotonic() - begun)
            assert max(waits) < 1, waits
        assert client.keys("rq:job:*") == []
    assert set(noted(ran).values()) == {1}


@POSTGRES
def test_what_redis_lost_is_done_by_two_workers_once(telling, place, ran, redis):
    notes(40)
    with redis.client() as client:
        wait_for(lambda: client.keys("rq:queue:*"))
        client.flushall()
    with worker(place, BILLHOOK_REDIS_URL=redis.url), worker(place, BILLHOOK_REDIS_URL=redis.url):
        wait_for(lambda: noted(ran).total() >= 40, LONG)
        time.sleep(0.3)
    assert noted(ran) == {str(number): 1 for number in range(40)}


@POSTGRES
def test_redis_stops_under_load_and_nothing_else_does(app, place, ran, redis):
    taken, failed, slowest = [], [], [0.0]
    until = time.monotonic() + LONG

    def post(base, caller):
        for number in range(40):
            begun = time.monotonic()
            try:
                status = requests.post(f"{base}/work?text={caller}-{number}", timeout=SECONDS).status_code
            except requests.RequestException as error:
                status = str(error)
            slowest[0] = max(slowest[0], time.monotonic() - begun)
            (taken if status == 202 else failed).append(status)
            if len(taken) == 30:
                redis.stop()

    with (
        serving(place, BILLHOOK_REDIS_URL=redis.url) as (base, _),
        worker(place, BILLHOOK_REDIS_URL=redis.url),
    ):
        requests.get(f"{base}/health", timeout=LONG)
        callers = [threading.Thread(target=post, args=(base, caller)) for caller in range(3)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
        assert (failed, len(taken)) == ([], 120)
        wait_for(lambda: noted(ran).total() >= 120, until - time.monotonic())
    assert set(noted(ran).values()) == {1}
    assert slowest[0] < 2, "the machine may be busy; a request that waited for Redis would take longer"


@ONCE
def test_a_redis_that_never_answers_holds_no_request_up(app, place):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        made = site.create_app({"database_url": place.url, "instance_path": place.instance, "redis_url": url})
        with made.app_context():
            begun = time.monotonic()
            for number in range(5):
                with unit_of_work():
                    site.note.enqueue(text=str(number))
            assert (time.monotonic() - begun) / 5 < 0.1
            link, _ = silent.accept()
            link.close()
