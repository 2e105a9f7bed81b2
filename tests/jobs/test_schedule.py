"""Periodic tasks: every tick once, however many look, whatever was missed, and as of any instant."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.data import clock
from app.jobs import service
from app.jobs.engine import EXTENSION
from app.jobs.schedule import MOST_AT_ONCE, ScheduleSource, run_schedule
from tests.jobs import site

START = "2026-03-01T10:20:00+00:00"


@pytest.fixture
def hold(hold):
    hold.at(START)
    return hold


def ticked(as_of=None):
    """{task: ticks} of one run."""
    return {
        each.name: [tick.isoformat()[5:16] for tick, _ in each.ticks] for each in run_schedule(as_of or clock.now())
    }


def left(as_of=None):
    return {each.name: each.remaining for each in run_schedule(as_of or clock.now())}


def waiting(name):
    return [each for each in service.listed(None, 1000) if each["name"] == name]


def test_the_first_run_starts_with_the_present_tick_and_no_tick_runs_twice(app, hold, burst, ran):
    assert ticked() == {"jobs.prune": ["03-01T10:00"], "site.hourly": ["03-01T10:00"], "site.daily": ["03-01T00:00"]}
    assert ticked() == {}
    hold.forward(40 * 60)
    assert ticked() == {"jobs.prune": ["03-01T11:00"], "site.hourly": ["03-01T11:00"]}
    assert burst() == 5
    assert sorted(text for what, text, _ in ran() if what == "tick") == [
        "2026-03-01T10:00:00+00:00",
        "2026-03-01T11:00:00+00:00",
    ]


def test_after_a_downtime_each_or_the_latest_is_caught_up(app, hold):
    ticked()
    hold.forward(5 * 3600)
    found = ticked()
    assert found["site.hourly"] == [f"03-01T{hour}:00" for hour in range(11, 16)]
    assert found["jobs.prune"] == ["03-01T15:00"]
    assert ticked() == {}


def test_six_months_are_caught_up_in_steps_and_the_rest_is_reported(app, hold, caplog):
    ticked()
    hold.forward(200 * 3600)
    assert left()["site.hourly"] == 200 - MOST_AT_ONCE
    assert "site.hourly: 140 missed ticks are left" in caplog.text
    source = ScheduleSource()
    for _ in range(3):
        source.claim(1)
    assert left() == {}
    assert len(waiting("site.hourly")) == 201
    assert len({str(each["args"]) for each in waiting("site.hourly")}) == 201
    assert len(waiting("site.daily")) == 2


def test_four_schedulers_at_once_run_each_tick_once(app, hold):
    ticked()
    hold.forward(30 * 3600)
    together = threading.Barrier(4)

    def look(_):
        together.wait()
        with app.app_context():
            return [tick for each in run_schedule(clock.now()) for tick, _ in each.ticks if each.name == "site.hourly"]

    with ThreadPoolExecutor(4) as pool:
        found = [tick for ticks in pool.map(look, range(4)) for tick in ticks]
    assert len(found) == len(set(found)) == 30


def test_a_run_as_of_the_past_or_the_future_moves_nothing(app, hold):
    ticked()
    past, future = clock.now() - timedelta(days=40), clock.now() + timedelta(hours=3)
    assert ticked(past) == {
        "jobs.prune": ["01-20T10:00"],
        "site.hourly": ["01-20T10:00"],
        "site.daily": ["01-20T00:00"],
    }
    assert ticked(past) == {}
    assert ticked(future) == {
        "jobs.prune": ["03-01T13:00"],
        "site.hourly": ["03-01T11:00", "03-01T12:00", "03-01T13:00"],
    }
    assert ticked(future) == {}
    hold.forward(4 * 3600)
    assert ticked() == {"jobs.prune": ["03-01T14:00"], "site.hourly": ["03-01T14:00"]}, "the others had their jobs"


def test_jobs_of_the_future_run_now(app, hold, burst, ran):
    ticked(datetime(2031, 1, 1, tzinfo=UTC))
    assert burst() == 3
    assert ("tick", "2031-01-01T00:00:00+00:00") in [each[:2] for each in ran()]


def test_monitors_see_when_the_schedule_was_looked_at(app, hold):
    assert service.standing()["last_tick"] is None
    run_schedule(clock.now())
    assert service.standing()["last_tick"] == "2026-03-01T10:20:00Z"
    hold.forward(30)
    run_schedule(clock.now())
    assert service.standing()["last_tick"] == "2026-03-01T10:20:00Z", "once a minute"
    hold.forward(30)
    run_schedule(clock.now())
    assert service.standing()["last_tick"] == "2026-03-01T10:21:00Z"


def test_an_idle_schedule_asks_no_database(app, hold, monkeypatch):
    source, asked = ScheduleSource(), []
    source.claim(1)
    monkeypatch.setattr("app.jobs.schedule.run_schedule", asked.append)
    source.claim(1)
    assert asked == []
    hold.forward(61)
    monkeypatch.setattr("app.jobs.schedule.run_schedule", lambda now: asked.append(now) or [])
    source.claim(1)
    assert len(asked) == 1


def test_a_burst_runs_what_the_schedule_makes(app, hold, ran):
    runner = app.extensions[EXTENSION].make_runner()
    assert runner.burst() == 3
    assert {what for what, _, _ in ran()} == {"tick", "day"}


def test_a_tick_is_a_multiple_of_its_seconds():
    instant = datetime(2026, 3, 1, 10, 20, 59, 999_999, tzinfo=UTC)
    assert site.hourly.tick(instant) == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert site.daily.tick(instant) == datetime(2026, 3, 1, tzinfo=UTC)
