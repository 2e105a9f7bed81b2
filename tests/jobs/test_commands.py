"""`flask jobs`, `flask tick` and `flask worker`, as an operator and as a script use them."""

from uuid import UUID

import pytest

from app.data import clock
from app.data.base import new_id
from app.data.transaction import unit_of_work
from app.jobs import service
from app.jobs.declare import known_jobs
from tests.cli.test_commands import refused, run, told
from tests.jobs import site


def enqueue(declared, **args):
    with unit_of_work():
        return str(declared.enqueue(**args))


@pytest.fixture
def dead(app, burst):
    """Two jobs that failed for good, with the same key."""
    made = [enqueue(site.gives_up, dedup="key")]
    burst()
    made.append(enqueue(site.gives_up, dedup="key"))
    burst()
    return made


def test_jobs_are_listed_by_their_state(app, dead):
    waiting = enqueue(site.note, text="a")
    rows = told(app, "jobs", "list")["data"]
    assert [row["id"] for row in rows] == [waiting, *reversed(dead)]
    assert [row["id"] for row in told(app, "jobs", "list", "--state", "dead", "--limit", "1")["data"]] == dead[1:]
    table = run(app, "jobs", "list", "--state", "dead").stdout.splitlines()
    assert table[0].split() == ["ID", "NAME", "STATE", "RUN_AT", "ATTEMPTS", "ERROR"]
    assert "The address is wrong." in table[1]
    assert len(table) == 3


def test_a_job_is_shown_with_its_arguments_and_its_error(app, dead):
    shown = told(app, "jobs", "show", dead[0])
    assert (shown["state"], shown["error"], shown["attempts"]) == ("dead", "The address is wrong.", 1)
    waiting = enqueue(site.note, text="a")
    shown = told(app, "jobs", "show", waiting)
    assert (shown["args"], shown["known"]) == ({"text": "a"}, True)
    assert "site.note" in run(app, "jobs", "show", waiting).stdout


def test_a_dead_job_is_tried_again_with_all_its_attempts(app, dead, burst, woken):
    assert told(app, "jobs", "retry", dead[0]) == {"retried": [dead[0]], "skipped": []}
    assert woken == ["jobs"]
    found = service.shown(UUID(dead[0]))
    assert (found["state"], found["attempts"], found["finished_at"]) == ("ready", 0, None)
    assert "waits already" in refused(app, "jobs", "retry", dead[1])
    assert burst() == 1


def test_all_dead_jobs_are_tried_again_but_no_work_twice(app, dead, burst):
    other = enqueue(site.gives_up)
    burst()
    answer = told(app, "jobs", "retry", "--all-dead")
    assert (answer["retried"], answer["skipped"]) == ([dead[0], other], [dead[1]])
    assert burst() == 2


def test_a_waiting_job_need_not_wait(app, burst):
    made = enqueue(site.fails, text="a")
    assert (burst(), burst()) == (1, 0)
    told(app, "jobs", "retry", made)
    assert burst() == 1


def test_a_job_is_dropped_unless_it_runs(app, dead):
    assert told(app, "jobs", "drop", dead[0]) == {"dropped": dead[0]}
    assert "There is no job" in refused(app, "jobs", "show", dead[0])
    running = enqueue(site.note, text="a")
    service.claim(1, known_jobs())
    assert "runs" in refused(app, "jobs", "drop", running)
    assert "running" in refused(app, "jobs", "retry", running)


def test_bad_input_is_refused_in_one_sentence(app, dead):
    for arguments, words in (
        (("jobs", "show", str(new_id())), "There is no job"),
        (("jobs", "drop", str(new_id())), "There is no job"),
        (("jobs", "retry", str(new_id())), "There is no job"),
        (("jobs", "retry"), "--all-dead"),
        (("jobs", "retry", dead[0], "--all-dead"), "--all-dead"),
        (("jobs", "show", "7"), "UUID"),
        (("jobs", "list", "--state", "lost"), "ready"),
        (("jobs", "list", "--limit", "0"), "--limit"),
        (("tick", "--now", "tomorrow"), "--now"),
        (("tick", "--now", "2026-03-01T00:00:00"), "--now"),
        (("worker", "--sometimes"), "No such option"),
        (("worker", "--once", "--burst"), "--burst"),
    ):
        assert words in refused(app, *arguments), arguments
    assert [row["state"] for row in told(app, "jobs", "list")["data"]] == ["dead", "dead"]


def test_the_schedule_runs_once_as_of_an_instant(app, ran):
    answer = told(app, "tick", "--now", "2026-03-01T00:30:00Z")
    assert answer["now"] == "2026-03-01T00:30:00Z"
    assert answer["remaining"] == {}
    assert [(row["name"], row["tick"]) for row in answer["ticks"]] == [
        ("jobs.prune", "2026-03-01T00:00:00Z"),
        ("site.hourly", "2026-03-01T00:00:00Z"),
        ("site.daily", "2026-03-01T00:00:00Z"),
    ]
    assert {row["id"] for row in told(app, "jobs", "list")["data"]} == {row["job_id"] for row in answer["ticks"]}
    assert told(app, "tick", "--now", "2026-03-01T00:30:00Z")["ticks"] == []
    assert run(app, "tick", "--now", "2026-03-01T00:30:00Z").stdout == "Nothing is due.\n"
    said = run(app, "worker", "--burst").stdout
    assert said.startswith("Did 6 pieces of work."), "three as of then, three as of now; nothing between"
    assert ("tick", "2026-03-01T00:00:00+00:00") in [each[:2] for each in ran()]
    assert clock.now().year > 2025


def test_a_worker_takes_once_as_much_as_it_has_threads(app, ran):
    for number in range(9):
        enqueue(site.note, text=str(number))
    told_once = run(app, "worker", "--once").stdout
    assert told_once == "Did 4 pieces of work.\n"
    assert len(ran()) == 4
    assert run(app, "worker", "--burst").exit_code == 0
    assert run(app, "worker", "--burst").stdout == "Did 0 pieces of work.\n"
