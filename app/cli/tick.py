"""`flask tick`: runs the schedule once, now or as of another instant."""

from datetime import datetime

import click

from app.cli.shell import Checked, Command, answer, json_option
from app.data import clock
from app.http import fields
from app.jobs.schedule import run_schedule


@click.command(cls=Command)
@click.option("--now", "as_of", type=Checked(fields.Instant()), help="As of this instant; default: the present one.")
@json_option
def tick(as_of: datetime | None, *, as_json: bool) -> None:
    """Insert the jobs of the schedule that are due; workers run them (`flask worker --burst` does it here)."""
    as_of = as_of or clock.now()
    done = run_schedule(as_of)
    ticks = [
        {"name": each.name, "tick": _shown(instant), "job_id": job_id}
        for each in done
        for instant, job_id in each.ticks
    ]
    remaining = {each.name: each.remaining for each in done if each.remaining}
    lines = [f"{row['name']}: {row['tick']}" for row in ticks] or ["Nothing is due."]
    lines += [f"{name}: {count} missed ticks are left for the next run." for name, count in remaining.items()]
    answer({"now": _shown(as_of), "ticks": ticks, "remaining": remaining}, "\n".join(lines), as_json=as_json)


def _shown(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
