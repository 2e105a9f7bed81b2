"""`flask worker`: does the work of jobs, deliveries and the schedule, in a process of its own."""

import signal
import time
from types import FrameType

import click
from flask import current_app

from app.cli.shell import Command
from app.jobs.engine import EXTENSION, Engine
from app.jobs.runner import STOP_SECONDS, Runner

REST_SECONDS = 0.1


class Signals:
    """SIGTERM and SIGINT ask for a graceful end. Only a flag is set: a handler may interrupt anything."""

    def __init__(self, runner: Runner) -> None:
        self.asked, self._runner = False, runner
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        self.asked = True
        self._runner.halt()


@click.command(cls=Command)
@click.option("--once", is_flag=True, help="Take what is due now, at most as much as there are threads, and end.")
@click.option("--burst", is_flag=True, help="Work until nothing is due, and end.")
def worker(*, once: bool, burst: bool) -> None:
    """Do the work until SIGTERM or Ctrl-C; what runs then may finish within 25 seconds. Several may run."""
    if once and burst:
        raise click.UsageError("Either --once or --burst.")
    engine: Engine = current_app.extensions[EXTENSION]
    runner = engine.make_runner()
    signals = Signals(runner)
    if once or burst:
        taken = runner.once() if once else runner.burst()
        click.echo(f"Did {taken} {'piece' if taken == 1 else 'pieces'} of work.")
    else:
        lanes = ", ".join(f"{lane.source.name} ({lane.source.threads})" for lane in runner.lanes.values())
        click.echo(f"Working: {lanes}. Ctrl-C ends it.")
        runner.start()
        engine.listen()
        while not signals.asked:
            time.sleep(REST_SECONDS)
        click.echo(f"Stopping; what runs has {STOP_SECONDS} seconds.")
    if not runner.stop():
        click.echo("Not all of it ended in time: it is given back, and will be run again.", err=True)
