"""The runner: started at once, woken at once, stopped gently, and not ended by anything that fails."""

import threading
import time

import pytest

from app.data.transaction import unit_of_work
from app.jobs import service
from app.jobs.engine import EXTENSION
from app.jobs.runner import Runner
from app.jobs.work import SOURCES, wake
from tests.jobs import site

ONCE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
SECONDS = 10


def wait_for(condition, seconds=SECONDS):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def runner(app):
    """The runner of a process that serves, which nobody but commits wake up."""
    engine = app.extensions[EXTENSION]
    object.__setattr__(engine.settings, "worker_poll_seconds", 60)
    made = engine.make_runner()
    del made.lanes["schedule"]
    made.start()
    yield made
    made.stop(5)
    engine.runner = None


class Fake:
    """A source whose work is functions."""

    name = "fake"
    threads = 2

    def __init__(self, *work):
        self.work, self.claims, self.released = list(work), 0, 0

    def claim(self, limit):
        self.claims += 1
        taken, self.work = self.work[:limit], self.work[limit:]
        return taken

    def overdue(self):
        return len(self.work)

    def release(self):
        self.released += 1


def started(app, *sources, poll=0.02):
    made = Runner(app, sources, poll)
    made.start()
    return made


def test_a_commit_wakes_the_runner_at_once(app, runner, ran):
    time.sleep(0.2)  # it has seen that there is nothing
    begun = time.monotonic()
    with unit_of_work():
        site.note.enqueue(text="a")
    wait_for(ran)
    assert time.monotonic() - begun < 1


def test_waking_by_name(app, runner, ran):
    wake(app, "nobody")
    runner.wake("jobs")
    with unit_of_work():
        site.note.enqueue(text="a")
    wait_for(ran)


def test_a_job_that_runs_longer_than_its_lease_keeps_it(app, runner, ran):
    with unit_of_work():
        made = site.slow.enqueue(text="a", seconds=2.5 * site.LEASE)
    wait_for(ran)
    other = app.extensions[SOURCES][1].__class__(4)
    while len(ran()) == 1:
        assert other.claim(1) == []
        time.sleep(0.1)
    wait_for(lambda: service.shown(made)["state"] == "done")
    assert service.shown(made)["attempts"] == 1


def test_a_stop_lets_what_runs_finish_and_starts_nothing(app, runner, ran):
    with unit_of_work():
        made = site.slow.enqueue(text="a", seconds=0.4)
    wait_for(ran)
    assert runner.stop() is True
    assert [what for what, _, _ in ran()] == ["start", "end"]
    assert service.shown(made)["state"] == "done"
    with unit_of_work():
        late = site.note.enqueue(text="late")
    time.sleep(0.1)
    assert service.shown(late)["state"] == "ready"


def test_what_does_not_finish_in_time_is_given_back(app, runner, ran):
    with unit_of_work():
        made = site.slow.enqueue(text="a", seconds=1.2)
    wait_for(ran)
    assert runner.stop(0.1) is False
    found = service.shown(made)
    assert (found["state"], found["attempts"], found["owner"]) == ("ready", 0, None)
    wait_for(lambda: len(ran()) == 2)
    time.sleep(0.1)
    assert service.shown(made)["state"] == "ready", "who gave it back does not end it"


def test_two_runners_run_each_job_once(app, place, ran):
    other = site.create_app({"database_url": place.url, "instance_path": place.instance})
    with unit_of_work():
        made = [site.note.enqueue(text=str(number)) for number in range(60)]
    runners = [each.extensions[EXTENSION].make_runner() for each in (app, other)]
    for each in runners:
        del each.lanes["schedule"]
        each.start()
    wait_for(lambda: len(ran()) >= 60)
    assert [each.stop() for each in runners] == [True, True]
    assert sorted(int(text) for _, text, _ in ran()) == list(range(60))
    assert {service.shown(each)["attempts"] for each in made} == {1}


@ONCE
def test_a_dispatcher_survives_a_source_that_fails(app, caplog):
    class Broken(Fake):
        def claim(self, limit):
            if self.claims < 3:
                self.claims += 1
                raise OSError("the database is away")
            return super().claim(limit)

    done = threading.Event()
    broken = Broken(done.set)
    runner = started(app, broken)
    assert done.wait(SECONDS)
    assert runner.stop() is True
    assert caplog.text.count("no work could be claimed from fake") == 1, "once a minute"


@ONCE
def test_a_task_that_fails_is_logged_and_frees_its_thread(app, caplog):
    done = threading.Event()

    def fail():
        raise SystemExit

    runner = started(app, Fake(fail, fail, done.set))
    assert done.wait(SECONDS)
    assert runner.stop() is True
    assert caplog.text.count("could not say so itself") == 2


@ONCE
def test_a_slow_source_delays_no_other_and_has_its_bound(app):
    class Slow(Fake):
        name = "slow"

    hold, now, most = threading.Event(), [], []

    def slow():
        now.append(1)
        most.append(len(now))
        hold.wait(SECONDS)
        now.pop()

    quick = threading.Event()
    first, second = Slow(*[slow] * 5), Fake(quick.set)
    runner = started(app, first, second)
    assert quick.wait(SECONDS)
    assert len(now) <= 2
    hold.set()
    wait_for(lambda: len(most) == 5)
    assert runner.stop() is True
    assert max(most) == 2


@ONCE
def test_an_idle_runner_rests(app):
    source = Fake()
    runner = started(app, source, poll=0.2)
    time.sleep(1)
    assert 4 <= source.claims <= 8
    assert runner.stop() is True
    claims = source.claims
    time.sleep(0.3)
    assert source.claims == claims


@ONCE
def test_a_stop_asks_a_source_that_can_to_give_back(app):
    hold = threading.Event()
    source = Fake(hold.wait)
    runner = started(app, source)
    wait_for(lambda: not source.work)
    assert runner.stop(0.1) is False
    assert source.released == 1
    hold.set()
