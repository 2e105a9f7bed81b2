"""`flask check`: reads the database and proves the invariants; exit 1 and the offending ids when one is broken."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import click
import sqlalchemy as sa

from app.accounts.models import Organization, Settings
from app.audit import check as audit
from app.cli.organizations import Place, find_organization, organizations
from app.cli.shell import Command, answer, json_option
from app.data.invariants import Finding
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.events.models import EventRow
from app.extensions import db
from app.invoices import check as invoices
from app.invoices.models import Invoice
from app.numbering import check as numbering
from app.numbering.models import Number

# A feature that keeps invariants adds its findings here, in one line, and what it counts below.
CHECKS = (
    invoices.findings,
    numbering.findings,
    audit.findings,
)
COUNTED = {"invoices": Invoice, "numbers": Number, "events": EventRow}


@click.command(cls=Command)
@click.option("--org", metavar="ORG", help="Only this organisation (id or name); default: all.")
@json_option
def check(org: str | None, *, as_json: bool) -> None:
    """Prove that totals add up, numbers are whole and nothing issued has changed; exit 1 when not."""
    tally, findings = examine(org)
    found = 0
    kept: list[dict[str, Any]] = []
    for place, finding in findings:
        found += 1
        row = {"organization_id": place.id, "organization": place.name} | asdict(finding)
        if as_json:
            kept.append(row)
        else:
            click.echo(f"WRONG  {finding.kind} {finding.id}  [{finding.rule}]  {finding.message}  ({place.name})")
    looked = ", ".join(f"{name.replace('z', 's')}: {count:,}" for name, count in tally.items())
    text = f"{found:,} wrong. Checked {looked}." if found else f"OK  Every invariant holds. Checked {looked}."
    answer({"ok": not found} | {"checked": tally, "findings": kept}, text, as_json=as_json)
    if found:
        raise click.exceptions.Exit(1)


def examine(org: str | None = None) -> tuple[dict[str, int], Iterator[tuple[Place, Finding]]]:
    """What is wrong, as it is found, and how much was looked at, which is complete when all was found."""
    tally = dict.fromkeys(("organizations", *COUNTED), 0)
    places = [find_organization(org)] if org else organizations()
    return tally, chain(_without_settings() if org is None else (), _all(places, tally))


def _all(places: list[Place], tally: dict[str, int]) -> Iterator[tuple[Place, Finding]]:
    for place in places:
        with organization(place.id, place.timezone), unit_of_work(write=False):
            _hold_still()
            tally["organizations"] += 1
            for name, model in COUNTED.items():
                tally[name] += db.session.scalar(sa.select(sa.func.count(model.id))) or 0
            for finding in chain.from_iterable(rules() for rules in CHECKS):
                yield place, finding


def _hold_still() -> None:
    """One picture of the organisation, however much is written meanwhile. SQLite gives it anyway."""
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _without_settings() -> Iterator[tuple[Place, Finding]]:
    """Organisations that nothing could be checked of, because they cannot even be entered."""
    query = sa.select(Organization).outerjoin(Settings, Settings.org_id == Organization.id).where(Settings.id.is_(None))
    with crossing("a check looks for broken organisations"), unit_of_work(write=False):
        for broken in db.session.scalars(query).all():
            place = Place(broken.id, broken.name, broken.tier, "UTC")
            yield place, Finding("settings", "organization", broken.id, "The organisation has no settings.")
