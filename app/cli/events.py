"""`flask events`: what can happen, as programs and webhooks are told of it. docs/events.md is made by it."""

import inspect

import click
from flask import current_app

from app.cli.shell import Command, answer, json_option, table
from app.events.declare import EXTENSION, Catalogue, Event

HEAD = """# Events

Every change has exactly one event. It is stored by the transaction that makes the change, numbered without a gap for
each organisation, read with `GET /api/v1/events` and delivered to [webhooks](webhooks.md). `data` has the shape that
the API shows of the thing; /openapi.json describes it under `webhooks`. This page is made by `flask events --markdown`.
"""


@click.command(cls=Command)
@click.option("--markdown", is_flag=True, help="As the page docs/events.md.")
@json_option
def events(*, markdown: bool, as_json: bool) -> None:
    """List the events there are: what a webhook may ask for."""
    known: Catalogue = current_app.extensions[EXTENSION]
    rows = [_row(each) for _, each in sorted(known.events.items())]
    if markdown:
        click.echo(page(known), nl=False)
        return
    answer({"data": rows}, table(rows, ("event", "data", "when")), as_json=as_json)


def page(known: Catalogue) -> str:
    """The catalogue as a page of documentation."""
    lines = [HEAD]
    noun = ""
    for row in (_row(each) for _, each in sorted(known.events.items())):
        if row["event"].partition(".")[0] != noun:
            noun = row["event"].partition(".")[0]
            lines.append(f"## {noun}\n\n| event | when | data |\n|---|---|---|")
        lines.append(f"| `{row['event']}` | {row['when']} | `{row['data']}` |")
    return "\n".join(lines).replace("\n## ", "\n\n## ").replace("\n\n\n", "\n\n") + "\n"


def _row(event: type[Event]) -> dict[str, str]:
    return {"event": event.name, "data": event.shape, "when": " ".join(inspect.cleandoc(event.__doc__ or "").split())}
