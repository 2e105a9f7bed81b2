"""`flask init`: a new installation's database, first organisation, owner and key."""

import click

from app.cli.organizations import make, organizations, show_new
from app.cli.shell import Checked, Command, answer, json_option
from app.data import migrate
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.http import fields


@click.command(cls=Command)
@click.option("--name", type=Checked(fields.Text(200, least=1)), default="My organisation", show_default=True)
@click.option("--email", type=Checked(fields.Email()), help="The owner's address; default: one that reaches nobody.")
@click.option("--currency", type=Checked(fields.Currency()), default="EUR", show_default=True)
@click.option("--timezone", type=Checked(fields.TimeZone()), default="UTC", show_default=True)
@click.option("--locale", type=Checked(fields.LocaleCode()), default="en", show_default=True)
@click.option("--tier", help="Default: BILLHOOK_DEFAULT_TIER.")
@json_option
def init(
    name: str, email: str | None, currency: str, timezone: str, locale: str, tier: str | None, *, as_json: bool
) -> None:
    """Set up the database and the first organisation. Where there is one already, none is made."""
    migrate.upgrade(migrate.running())
    if present := organizations():
        text = f"The database is up to date and has {present[0].name} ({present[0].id}) already; nothing was made."
        answer({"created": False}, text, as_json=as_json)
        return
    settings = {"currency": currency, "timezone": timezone, "locale": locale}
    with crossing("an operator makes the first organisation"), unit_of_work():
        show_new(make(name, tier, email, settings), as_json=as_json, created=True)
