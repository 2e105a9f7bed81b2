"""What becomes of a job's row: enqueued, run, tried again, given up, taken back."""

import logging
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.accounts.models import Organization
from app.cli.organizations import make
from app.data import clock
from app.data.base import new_id
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.jobs import declare, service
from app.jobs.declare import GiveUp, job, known_jobs
from app.jobs.models import JobRow
from app.jobs.source import JobSource
from tests.jobs import site


def enqueue(declared, **args):
    with unit_of_work():
        return declared.enqueue(**args)


def row(job_id):
    return service.shown(job_id)


def states():
    return sorted(each["state"] for each in service.listed(None, 1000))


def test_a_rollback_leaves_no_job_and_wakes_nobody(app, woken):
    with pytest.raises(ZeroDivisionError), unit_of_work():  # noqa: PT012 - the block is what is tested
        site.note.enqueue(text="never")
        raise ZeroDivisionError
    assert (states(), woken) == ([], [])
    with unit_of_work():
        with db.session.begin_nested():
            site.note.enqueue(text="once")
        assert woken == [], "releasing a savepoint is no commit"
    assert (states(), woken) == (["ready"], ["jobs"])


def test_a_later_job_wakes_nobody_and_waits(app, woken, burst, hold):
    enqueue(site.note, text="later", run_at=clock.now() + timedelta(hours=1))
    assert (burst(), woken, states()) == (0, [], ["ready"])
    hold.forward(3601)
    assert (burst(), states()) == (1, ["done"])


def test_the_same_work_waits_once(app, burst, ran):
    first = enqueue(site.note, text="a", dedup="key")
    assert first and enqueue(site.note, text="b", dedup="key") is None
    assert enqueue(site.note, text="c", dedup="other") and enqueue(site.note, text="d")
    assert service.claim(1, known_jobs())[0].id == first
    assert enqueue(site.note, text="e", dedup="key") is None, "what runs is not done"
    assert burst() == 2
    service.drop(first)
    with unit_of_work():
        db.session.connection().execute(sa.delete(JobRow))
    assert enqueue(site.note, text="f", dedup="key") and burst() == 1
    assert enqueue(site.note, text="g", dedup="key"), "done work may be wanted again"
    assert sorted(text for _, text, _ in ran()) == ["c", "d", "f"]


def test_arguments_are_json_and_those_of_the_function(app):
    for args in ({"text": new_id()}, {"text": clock.now()}, {"text": {1, 2}}, {"texts": "a"}, {}):
        with pytest.raises(TypeError), unit_of_work():
            site.note.enqueue(**args)
    with pytest.raises(ValueError, match="JSON"), unit_of_work():
        site.note.enqueue(text=float("nan"))
    with pytest.raises(sa.exc.StatementError, match="time zone"), unit_of_work():
        site.note.enqueue(text="a", run_at=clock.now().replace(tzinfo=None))
    assert states() == []


def test_a_declaration_refuses_what_cannot_work():
    with pytest.raises(TypeError, match="run_at"):
        job("site.wrong")(lambda run_at: None)
    for options in ({"attempts": 0}, {"delays": ()}, {"delays": (-1,)}, {"lease": 0}):
        with pytest.raises(ValueError, match="attempts from 1"):
            job("site.wrong", **options)(lambda: None)


def test_failures_are_tried_again_later_and_later_then_dead(app, burst, hold):
    made = enqueue(site.fails, text="no such host")
    for attempt, delay in ((1, 60), (2, 600)):
        assert burst() == 1
        found = row(made)
        assert (found["state"], found["attempts"], found["owner"]) == ("ready", attempt, None)
        wait = (found["run_at"] - clock.now()).total_seconds()
        assert 0.9 * delay <= wait <= 1.1 * delay
        hold.forward(0.89 * delay)
        assert burst() == 0, "it waits"
        hold.forward(0.22 * delay)
    assert burst() == 1
    found = row(made)
    assert (found["state"], found["attempts"], found["finished_at"]) == ("dead", 3, clock.now())
    assert found["error"].startswith("Traceback") and found["error"].endswith("ValueError: no such host")
    assert burst() == 0


def test_delays_differ(app, burst, hold):
    made = [enqueue(site.fails, text="x") for _ in range(12)]
    burst()
    assert len({row(each)["run_at"] for each in made}) > 6


def test_giving_up_and_choosing_the_time(app, burst, hold):
    lost, polite, leaving = enqueue(site.gives_up), enqueue(site.later), enqueue(site.exits)
    assert burst() == 3
    assert (row(lost)["state"], row(lost)["error"]) == ("dead", "The address is wrong.")
    assert row(polite)["run_at"] == clock.now() + timedelta(seconds=90)
    assert row(polite)["error"] == "The receiver asked for it."
    assert "SystemExit: enough" in row(leaving)["error"]
    hold.forward(91)
    assert burst() == 2
    assert row(polite)["state"] == "dead", "the time is the job's to choose, the number of attempts is not"


def test_an_error_is_kept_without_its_secrets_and_not_whole(app, burst):
    secret = "bh_live_0123456789abcdefghijklmnopqrst"
    made = enqueue(site.fails, text=f"smtp://me:hunter2@mail.example key={secret} Bearer eyJx.y.z password='hunter3'")
    big = enqueue(site.fails, text="x" * 5000 + "the end")
    burst()
    kept = row(made)["error"]
    assert not any(word in kept for word in ("hunter2", "hunter3", secret, "eyJx"))
    assert "smtp://me:***@mail.example" in kept
    assert len(row(big)["error"]) == 2000 and row(big)["error"].endswith("the end")


def test_what_a_statement_was_to_store_is_no_part_of_its_error(app, burst, hold, monkeypatch):
    def fail(text):
        with unit_of_work():
            db.session.connection().execute(sa.text("INSERT INTO nowhere VALUES (:it)"), {"it": text})

    monkeypatch.setitem(app.extensions[declare.JOBS], "site.sql", job("site.sql")(fail))
    made = enqueue(known_jobs()["site.sql"], text="the customer's letter")
    burst()
    assert "nowhere" in row(made)["error"]
    assert "letter" not in row(made)["error"]


def test_a_job_works_for_its_organisation_where_that_is(app, burst, ran, hold):
    with crossing("a test makes its organisation"), unit_of_work():
        org = make("Far East Ltd", None, None, {"timezone": "Pacific/Kiritimati"}).organization.id
    with organization(org, "UTC"):
        enqueue(site.at_home)
    nobodys = enqueue(site.at_home)
    with organization(new_id(), "UTC"):
        gone = enqueue(site.at_home)
    hold.at("2026-03-01T12:00:00+00:00")
    with unit_of_work():
        db.session.connection().execute(sa.update(JobRow).values(run_at=clock.now()))
    assert burst() == 3
    assert [text for _, text, _ in ran()] == [f"{org}@2026-03-02"]
    assert "no organisation is set" in row(nobodys)["error"]
    assert (row(gone)["state"], "no organisation" in row(gone)["error"]) == ("dead", True)


def test_what_a_job_leaves_open_is_not_stored(app, burst):
    made = enqueue(site.leaves_open)
    burst()
    assert row(made)["state"] == "done"
    with crossing("a test counts"), unit_of_work(write=False):
        query = sa.select(sa.func.count(Organization.id)).where(Organization.name == "never")
        assert db.session.scalar(query) == 0


def test_a_name_that_this_version_does_not_know_waits_and_is_reported(app, burst, monkeypatch, caplog):
    made = enqueue(site.note, text="future")
    jobs = {name: each for name, each in app.extensions[declare.JOBS].items() if name != "site.note"}
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "app.jobs"):
        patch.setitem(app.extensions, declare.JOBS, jobs)
        assert JobSource(1).claim(5) == []
        assert service.overdue(jobs) == 0
    assert "1 jobs wait for 'site.note'" in caplog.text
    assert row(made)["state"] == "ready"
    assert burst() == 1


def test_an_expired_lease_gives_the_job_to_another_and_the_first_cannot_end_it(app, hold):
    made = enqueue(site.note, text="a")
    (first,) = service.claim(9, known_jobs())
    assert service.claim(9, known_jobs()) == []
    hold.forward(site.LEASE + 0.1)
    (second,) = service.claim(9, known_jobs())
    assert (second.id, second.attempts) == (made, 2)
    service.finish(first, clock.now())
    assert service.renew([first], 60) == service.give_back([first]) == 0
    assert row(made)["state"] == "running", "who lost it neither ends nor keeps it"
    service.retry(second, clock.now(), 5, "again")
    assert (row(made)["state"], row(made)["attempts"]) == ("ready", 2)


def test_a_job_that_kills_its_process_is_dead_one_day(app, hold):
    made = enqueue(site.fails, text="a")
    for _ in range(3):
        assert len(service.claim(9, known_jobs())) == 1
        hold.forward(61)
    assert service.claim(9, known_jobs()) == []
    assert row(made)["state"] == "dead"
    assert "lease ran out" in row(made)["error"]


def test_a_claim_takes_no_more_than_its_limit_and_the_oldest_first(app, hold):
    made = []
    for _ in range(5):
        made.append(enqueue(site.note, text="a"))
        hold.forward(0.01)
    assert [each.id for each in service.claim(2, known_jobs())] == made[:2]
    assert [each.id for each in service.claim(9, known_jobs())] == made[2:]


def test_claims_at_once_take_each_job_once(app):
    for number in range(40):
        enqueue(site.note, text=str(number))
    taken, together = [], threading.Barrier(4)

    def take():
        together.wait()
        with app.app_context():
            while found := service.claim(3, known_jobs()):
                taken.extend(each.id for each in found)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # On PostgreSQL a claim may find all that is left locked by others, and come back empty.
    taken += [each.id for each in service.claim(99, known_jobs())]
    assert len(taken) == len(set(taken)) == 40


def test_what_is_over_is_pruned(app, burst, hold):
    done, dead = enqueue(site.note, text="a"), enqueue(site.gives_up)
    waiting = enqueue(site.note, text="b", run_at=clock.now() + timedelta(days=400))
    burst()
    hold.forward(3600 * 23)
    service.prune.job(tick=clock.now().isoformat())
    assert row(done) and row(dead)
    hold.forward(3601)
    service.prune.job(tick=clock.now().isoformat())
    assert row(done) is None and row(dead)
    hold.forward(86_400 * 30)
    service.prune.job(tick=clock.now().isoformat())
    assert row(dead) is None and row(waiting)


def test_monitors_hear_of_work_that_is_late(app, burst, hold):
    assert service.standing() == {"queue": True, "last_tick": None, "overdue": 0}
    enqueue(site.note, text="a")
    hold.forward(299)
    assert service.standing()["queue"] is True
    hold.forward(2)
    assert (service.standing()["queue"], service.standing()["overdue"]) == (False, 1)
    burst()
    assert service.standing()["queue"] is True


def test_monitors_hear_of_work_whose_worker_died_and_that_nobody_takes_back(app, hold):
    enqueue(site.note, text="a")
    service.claim(1, known_jobs())
    hold.forward(299)
    assert service.standing()["overdue"] == 0
    hold.forward(3)
    assert service.standing()["overdue"] == 1


def test_giving_up_is_an_exception_of_its_own():
    with pytest.raises(GiveUp):
        site.gives_up()
