"""What can be done with taxes, units and payment methods. Guards first; no commit here."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from marshmallow import ValidationError

from app.data import clock, tenancy
from app.data.base import new_id
from app.events.changes import note_change
from app.events.declare import Event
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Invalid, flatten
from app.http.lookup import find_or_404, refuse_taken
from app.taxes.events import (
    PaymentMethodCreated,
    PaymentMethodDeleted,
    PaymentMethodUpdated,
    TaxCreated,
    TaxDeleted,
    TaxUpdated,
    UnitCreated,
    UnitDeleted,
    UnitUpdated,
)
from app.taxes.models import PaymentMethod, Tax, TaxRate, Unit
from app.taxes.rules import check_category

ALWAYS = date(1900, 1, 1)


class _Named(NamedTuple):
    """The events of a thing that is little more than a name."""

    created: type[Event]
    updated: type[Event]
    deleted: type[Event]


_NAMED: Mapping[type[Unit] | type[PaymentMethod], _Named] = {
    Unit: _Named(UnitCreated, UnitUpdated, UnitDeleted),
    PaymentMethod: _Named(PaymentMethodCreated, PaymentMethodUpdated, PaymentMethodDeleted),
}


def get_tax(tax_id: UUID) -> Tax:
    """A tax. Raises NotFound."""
    return find_or_404(Tax, tax_id, "tax")


def create_tax(data: dict[str, Any]) -> Tax:
    """Make a tax with its first rate. Raises Conflict when its external id is taken."""
    refuse_taken(Tax, Tax.external_id, data.get("external_id"), field="external_id")
    rate, valid_from = data.pop("rate"), data.pop("valid_from", ALWAYS)
    tax = Tax(org_id=tenancy.current_organization(), id=new_id(), **data)
    tax.rates = [TaxRate(org_id=tax.org_id, rate=rate, valid_from=valid_from)]
    db.session.add(tax)
    db.session.flush()
    emit(TaxCreated(tax))
    return tax


def change_tax(tax_id: UUID, data: dict[str, Any]) -> Tax:
    """Change a tax; a new rate follows the old one. Raises NotFound, Invalid, Conflict."""
    tax = find_or_404(Tax, tax_id, "tax", lock=True)
    if "external_id" in data:
        refuse_taken(Tax, Tax.external_id, data["external_id"], field="external_id", but=tax.id)
    rate, valid_from = data.pop("rate", None), data.pop("valid_from", None)
    for name, value in data.items():
        setattr(tax, name, value)
    try:
        check_category(tax.category, tax.kind, tax.rate if rate is None else rate, tax.exemption_reason)
    except ValidationError as error:
        raise Invalid(flatten({error.field_name: error.messages})) from error
    if rate is not None and rate != tax.rate_on(valid_from or tenancy.today()).rate:
        _follow(tax, rate, valid_from or tenancy.today())
    tax.updated_at = clock.now()
    db.session.flush()
    emit(TaxUpdated(tax))
    return tax


def _follow(tax: Tax, rate: Any, valid_from: date) -> None:
    newest = tax.rates[-1].valid_from
    if valid_from <= newest:
        raise Conflict(
            f"A rate is in force from {newest} already; a new one must start later.",
            details={"fields": {"valid_from": [f"Must be after {newest}."]}},
        )
    note_change(tax, "rate", tax.rates[-1].rate, rate)
    tax.rates.append(TaxRate(org_id=tax.org_id, rate=rate, valid_from=valid_from))


def delete_tax(tax_id: UUID) -> None:
    """Take a tax out of use: documents that carry it keep it. Raises NotFound."""
    tax = find_or_404(Tax, tax_id, "tax", lock=True)
    tax.deleted_at = clock.now()
    tax.is_default = False
    emit(TaxDeleted(tax))


def taxes_by_id(ids: Iterable[UUID], field: str) -> dict[UUID, Tax]:
    """The living taxes with these ids. Raises Invalid naming `field` when one is unknown, or somebody else's."""
    wanted = set(ids)
    if not wanted:
        return {}
    query = sa.select(Tax).where(Tax.id.in_(wanted), Tax.deleted_at.is_(None))
    found = {tax.id: tax for tax in db.session.scalars(query)}
    if missing := wanted - found.keys():
        raise Invalid({field: f"There is no tax {min(missing)}."})
    return found


def link_taxes(owner: Any, link_model: type[Any], tax_ids: Iterable[UUID]) -> None:
    """Give an owner (an item, a customer) its taxes, each once, in the caller's order. Raises Invalid on tax_ids.

    A tax that stays keeps its row, so that reordering never collides with the key (owner, tax).
    """
    wanted = list(dict.fromkeys(tax_ids))
    taxes_by_id(wanted, "tax_ids")
    kept = {link.tax_id: link for link in owner.tax_links}
    note_change(owner, "tax_ids", [link.tax_id for link in owner.tax_links], wanted)
    links = [kept.get(tax_id) or link_model(org_id=owner.org_id, tax_id=tax_id) for tax_id in wanted]
    for position, link in enumerate(links):
        link.position = position
    owner.tax_links = links


def create_named(model: type[Unit] | type[PaymentMethod], data: Mapping[str, Any]) -> Unit | PaymentMethod:
    """Make a unit or a payment method. Raises Conflict when its name is taken."""
    refuse_taken(model, model.name, data["name"], field="name")
    refuse_taken(model, model.external_id, data["external_id"], field="external_id")
    row = model(org_id=tenancy.current_organization(), id=new_id(), **data)
    db.session.add(row)
    db.session.flush()
    emit(_NAMED[model].created(row))
    return row


def change_named(
    model: type[Unit] | type[PaymentMethod], noun: str, row_id: UUID, data: Mapping[str, Any]
) -> Unit | PaymentMethod:
    """Change a unit or a payment method. Raises NotFound, Conflict."""
    row = find_or_404(model, row_id, noun, lock=True)
    if "name" in data:
        refuse_taken(model, model.name, data["name"], field="name", but=row.id)
    if "external_id" in data:
        refuse_taken(model, model.external_id, data["external_id"], field="external_id", but=row.id)
    for name, value in data.items():
        setattr(row, name, value)
    db.session.flush()
    emit(_NAMED[model].updated(row))
    return row


def delete_named(model: type[Unit] | type[PaymentMethod], noun: str, row_id: UUID) -> None:
    """Delete a unit or a payment method; documents keep their own copy of the words. Raises NotFound."""
    row = find_or_404(model, row_id, noun, lock=True)
    db.session.delete(row)
    emit(_NAMED[model].deleted(row))
