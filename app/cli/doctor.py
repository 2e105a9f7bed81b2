"""`flask doctor`: is everything there that Billhook needs? Each finding says how to mend it.

Registered as an entry point, so that the `flask` command finds it without the application: what keeps the application
from being built is the first thing it has to tell.
"""

from collections.abc import Iterator

import click
from flask import Flask
from werkzeug.utils import ImportStringError, import_string

from app.cli import diagnosis
from app.cli.diagnosis import Finding
from app.cli.shell import Command, answer, first_line, json_option
from app.config import BootError
from app.extensions import db

# Named, not imported: the factory stands above the commands.
FACTORY = "app.factory:create_app"


@click.command(cls=Command)
@json_option
def doctor(*, as_json: bool) -> None:
    """Check configuration, database, clock, folders, fonts, the renderer, Redis and mail; exit 1 if one is wrong."""
    found: list[Finding] = []
    for finding in _findings():
        found.append(finding)
        if not as_json:
            click.echo(f"{'OK   ' if finding.ok else 'WRONG'}  {finding.what}")
            if not finding.ok:
                click.echo(f"       To mend: {finding.mend}")
    wrong = sum(not finding.ok for finding in found)
    text = f"{wrong} of {len(found)} findings are wrong." if wrong else "All is well."
    rows = [{"ok": each.ok, "what": each.what} | ({} if each.ok else {"mend": each.mend}) for each in found]
    answer({"ok": not wrong, "findings": rows}, text, as_json=as_json)
    if wrong:
        raise click.exceptions.Exit(1)


def _findings() -> Iterator[Finding]:
    yield from diagnosis.variables()
    try:
        app: Flask = import_string(FACTORY)()
    except BootError as error:
        for problem in error.problems:
            mend = "Correct the variable, or the line in billhook.toml in the instance folder."
            yield Finding(ok=False, what=f"Configuration: {problem}", mend=mend)
        return
    except ImportStringError as error:
        mend = "Install Billhook again (`make setup` in a checkout)."
        yield Finding(ok=False, what=f"The application cannot be loaded: {first_line(error.exception)}.", mend=mend)
        return
    with app.app_context():
        for check in diagnosis.CHECKS:
            try:
                yield from check(app)
            except Exception as error:  # noqa: BLE001 - a doctor who faints helps nobody
                text = f"{check.__name__.capitalize()} cannot be checked: {type(error).__name__}: {first_line(error)}."
                yield Finding(ok=False, what=text, mend="This is a mistake in Billhook; please report it.")
        db.engine.dispose()
