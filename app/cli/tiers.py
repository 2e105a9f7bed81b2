"""`flask tier`: the catalogue of tiers, and which one an organisation is on."""

from dataclasses import asdict

import click
from flask import current_app

from app.accounts import service
from app.cli.organizations import known_tier, working_for
from app.cli.shell import Group, answer, json_option, table
from app.tiers import catalogue

tier_commands = Group("tier", help="Tiers: what an organisation may use, and how often.")


@tier_commands.command("list")
@json_option
def list_all(*, as_json: bool) -> None:
    """List the tiers, the lowest first. They are the [[tiers]] of billhook.toml, or the shipped ones."""
    rows = [asdict(tier) for tier in catalogue.load(current_app.config["BILLHOOK"]).tiers]
    shown = [{name: "unlimited" if value is None else value for name, value in row.items()} for row in rows]
    answer({"data": rows}, table(shown, ("name", "requests_per_minute", "requests_per_day")), as_json=as_json)


@tier_commands.command("set")
@click.argument("org")
@click.argument("tier")
@json_option
def set_tier(org: str, tier: str, *, as_json: bool) -> None:
    """Put the organisation ORG (id or name) on TIER; running servers follow within a second."""
    with working_for(org) as place:
        service.current().tier = known_tier(tier)
    answer(
        {"organization_id": place.id, "name": place.name, "tier": tier}, f"{place.name} is on {tier}.", as_json=as_json
    )
