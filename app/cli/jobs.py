"""`flask jobs`: what waits, what runs, what failed for good; trying again and dropping."""

from typing import Any
from uuid import UUID

import click
from sqlalchemy.exc import IntegrityError

from app.cli.shell import Group, Refusal, answer, json_option, table
from app.jobs import service
from app.jobs.declare import known_jobs
from app.jobs.models import STATES, State

LONGEST_LINE = 80

jobs_commands = Group("jobs", help="Work for later: what waits, what runs, what failed.")


@jobs_commands.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def list_all(state: State | None, limit: int, *, as_json: bool) -> None:
    """List jobs, the newest first."""
    rows = [_with_facts(row) for row in service.listed(state, limit)]
    lines = [row | {"error": _last_words(row["error"])} for row in rows]
    columns = ("id", "name", "state", "run_at", "attempts", "error")
    answer({"data": [_plain(row) for row in rows]}, table([_plain(row) for row in lines], columns), as_json=as_json)


@jobs_commands.command()
@click.argument("job_id", metavar="ID", type=click.UUID)
@json_option
def show(job_id: UUID, *, as_json: bool) -> None:
    """Show one job with its arguments and its last error."""
    found = service.shown(job_id)
    if found is None:
        raise _none(job_id)
    row = _plain(_with_facts(found))
    text = "\n".join(f"{name:<13} {value}" for name, value in row.items() if value is not None)
    answer(row, text, as_json=as_json)


@jobs_commands.command()
@click.argument("job_id", metavar="ID", type=click.UUID, required=False)
@click.option("--all-dead", is_flag=True, help="Every job that failed for good.")
@json_option
def retry(job_id: UUID | None, *, all_dead: bool, as_json: bool) -> None:
    """Run a dead or waiting job now, with all its attempts before it."""
    if (job_id is None) != all_dead:
        raise click.UsageError("Give the id of one job, or --all-dead.")
    if job_id is not None:
        _retry_one(job_id)
        answer({"retried": [job_id], "skipped": []}, f"{job_id} runs now.", as_json=as_json)
        return
    done: dict[bool, list[UUID]] = {True: [], False: []}
    for dead in service.ids_of_dead():
        done[_retried(dead)].append(dead)
    text = f"{len(done[True])} dead jobs run now; the same work waited already for {len(done[False])}."
    answer({"retried": done[True], "skipped": done[False]}, text, as_json=as_json)


@jobs_commands.command()
@click.argument("job_id", metavar="ID", type=click.UUID)
@json_option
def drop(job_id: UUID, *, as_json: bool) -> None:
    """Remove a job that does not run."""
    if not service.drop(job_id):
        found = service.shown(job_id)
        raise Refusal(f"The job {job_id} runs; wait for its end.") if found else _none(job_id)
    answer({"dropped": job_id}, f"{job_id} is gone.", as_json=as_json)


def _retry_one(job_id: UUID) -> None:
    try:
        if service.retry_now(job_id):
            return
    except IntegrityError as error:
        raise Refusal(f"The same work as that of {job_id} waits already, as another job.") from error
    found = service.shown(job_id)
    raise (
        Refusal(f"The job {job_id} is {found['state']}; only dead and waiting ones run again.")
        if found
        else _none(job_id)
    )


def _retried(job_id: UUID) -> bool:
    try:
        return service.retry_now(job_id)
    except IntegrityError:
        return False


def _none(job_id: UUID) -> Refusal:
    return Refusal(f"There is no job {job_id}; `flask jobs list` shows them.")


def _with_facts(row: dict[str, Any]) -> dict[str, Any]:
    """Whether this version knows the job: others wait for the version that does."""
    return row | {"known": row["name"] in known_jobs()}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }


def _last_words(error: str | None) -> str | None:
    return error and error.rpartition("\n")[2][:LONGEST_LINE]
