"""`flask org`: organisations; and how every other command finds the one it is to work for."""

import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click
import sqlalchemy as sa
from flask import current_app

from app.accounts import service
from app.accounts.models import Organization, Settings
from app.accounts.schemas import OrganizationOut
from app.accounts.service import NewOrganization
from app.cli.shell import Checked, Group, Refusal, answer, json_option, table
from app.data import migrate
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.http import fields
from app.tiers import catalogue

MOST_NAMED = 10

org_commands = Group("org", help="Organisations: the sellers whose invoices these are.")
org_option = click.option("--org", required=True, metavar="ORG", help="The organisation's id, or its name.")


@dataclass(frozen=True)
class Place:
    """An organisation to work for."""

    id: UUID
    name: str
    tier: str
    timezone: str


@org_commands.command()
@click.argument("name", type=Checked(fields.Text(200, least=1)))
@click.option("--tier", help="Default: BILLHOOK_DEFAULT_TIER. `flask tier list` shows the tiers.")
@click.option("--email", type=Checked(fields.Email()), help="The owner's address; default: one that reaches nobody.")
@click.option("--currency", type=Checked(fields.Currency()), default="EUR", show_default=True)
@click.option("--timezone", type=Checked(fields.TimeZone()), default="UTC", show_default=True)
@click.option("--locale", type=Checked(fields.LocaleCode()), default="en", show_default=True)
@click.option("--country", type=Checked(fields.Country()), help="The seller's country, ISO 3166, e.g. DE.")
@json_option
def create(
    name: str,
    tier: str | None,
    email: str | None,
    currency: str,
    timezone: str,
    locale: str,
    country: str | None,
    *,
    as_json: bool,
) -> None:
    """Make the organisation NAME, its owner, and a key that holds all scopes; in an empty database, the tables too."""
    migrate.upgrade_if_empty(migrate.running())
    settings: dict[str, Any] = {"currency": currency, "timezone": timezone, "locale": locale}
    if country:
        settings["seller"] = {"address": {"country": country}}
    with crossing("an operator makes an organisation"), unit_of_work():
        show_new(make(name, tier, email, settings), as_json=as_json)


@org_commands.command("list")
@json_option
def list_all(*, as_json: bool) -> None:
    """List all organisations."""
    with unit_of_work(write=False):
        query = sa.select(Organization).order_by(Organization.id)
        rows: list[dict[str, Any]] = OrganizationOut(many=True).dump(db.session.scalars(query))
    answer({"data": rows}, table(rows, ("id", "name", "tier", "created_at")), as_json=as_json)


def make(name: str, tier: str | None, email: str | None, settings: Mapping[str, Any]) -> NewOrganization:
    """Make an organisation with owner and key. Call under `crossing`. Raises Refusal for an unknown tier."""
    tier = known_tier(tier or current_app.config["BILLHOOK"].default_tier)
    owner = service.create_user(email or nobodys_address(name), name)
    return service.create_organization(name, tier, owner, settings)


def show_new(made: NewOrganization, *, as_json: bool, **more: object) -> None:
    """Print a new organisation with its key, shown this once; `more` stands first in the JSON."""
    data = {
        **more,
        "organization_id": made.organization.id,
        "name": made.organization.name,
        "tier": made.organization.tier,
        "owner_id": made.owner.id,
        "key_id": made.key.id,
        "key": made.secret,
    }
    text = (
        f"Made {data['name']} ({data['organization_id']}) on the tier {data['tier']}, owner {made.owner.email}.\n"
        f"Key with all scopes, shown this once: {made.secret}"
    )
    answer(data, text, as_json=as_json)


def known_tier(name: str) -> str:
    """The name, if the operator's catalogue has such a tier. Raises Refusal naming those it has."""
    names = catalogue.load(current_app.config["BILLHOOK"]).names()
    if name not in names:
        raise Refusal(f"There is no tier '{name}'; the tiers are {', '.join(names)}.")
    return name


def nobodys_address(name: str) -> str:
    """An owner's address where none was given: under .invalid (RFC 2606), and nobody else's."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
    return f"owner@{slug or 'organization'}-{secrets.token_hex(3)}.invalid"


def find_organization(text: str) -> Place:
    """The organisation with this id, or the only one of this name. Raises Refusal."""
    try:
        wanted = Organization.id == UUID(text)
    except ValueError:
        wanted = Organization.name == text
    found = organizations(wanted)
    if not found:
        raise Refusal(f"There is no organisation '{text}'; `flask org list` shows them.")
    if len(found) > 1:
        ids = ", ".join(str(place.id) for place in found[:MOST_NAMED])
        raise Refusal(f"{len(found)} organisations are named '{text}'; give the id of one: {ids}.")
    return found[0]


def organizations(*conditions: sa.ColumnElement[bool]) -> list[Place]:
    """All organisations, or those that meet the conditions, the oldest first."""
    columns = (Organization.id, Organization.name, Organization.tier, Settings.timezone)
    query = sa.select(*columns).join(Settings, Settings.org_id == Organization.id).where(*conditions)
    with crossing("an operator looks for an organisation"), unit_of_work(write=False):
        return [Place(*row) for row in db.session.execute(query.order_by(Organization.id))]


@contextmanager
def working_for(text: str, *, write: bool = True) -> Iterator[Place]:
    """One transaction in the organisation that --org names. Raises Refusal."""
    place = find_organization(text)
    with organization(place.id, place.timezone), unit_of_work(write=write):
        yield place
