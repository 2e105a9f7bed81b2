"""What can be done with customers. Guards first; no commit here."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, lazyload

from app.customers.events import CustomerCreated, CustomerDeleted, CustomerUpdated
from app.customers.ledger import ledger
from app.customers.models import Customer, CustomerTax
from app.customers.rules import NAMELESS, name_of
from app.data import clock, tenancy
from app.data.base import new_id
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Invalid
from app.http.lookup import find_or_404, refuse_taken
from app.taxes.service import link_taxes

NOUN = "customer"
UNKNOWN = "There is no such customer."

_SEARCHED = (
    Customer.name,
    Customer.company_name,
    Customer.contact_name,
    Customer.email,
    Customer.vat_id,
    Customer.phone,
)
_PARTY = (
    "name",
    "company_name",
    "contact_name",
    "prefix",
    "email",
    "phone",
    "website",
    "legal_name",
    "vat_id",
    "tax_number",
    "registration_id",
    "registration_scheme",
    "electronic_address",
    "electronic_scheme",
    "billing_address",
    "shipping_address",
    "buyer_reference",
    "language",
)


def living(filters: Mapping[str, Any]) -> sa.Select[tuple[Customer]]:
    """Select the customers not deleted, narrowed by a CustomerQuery: archived ones only when asked for."""
    customers = sa.select(Customer).where(Customer.deleted_at.is_(None))
    shelved = Customer.archived_at.is_not(None) if filters.get("archived") else Customer.archived_at.is_(None)
    customers = customers.where(shelved)
    if filters.get("email"):
        customers = customers.where(Customer.email_key == filters["email"].casefold())
    if filters.get("external_id"):
        customers = customers.where(Customer.external_id == filters["external_id"])
    if filters.get("search"):
        hits = (column.icontains(filters["search"], autoescape=True) for column in _SEARCHED)
        customers = customers.where(sa.or_(*hits))
    return customers


def load(select: sa.Select[Any]) -> Sequence[Customer]:
    """The customers of a select with their standing: one query for all their figures."""
    return _with_figures(db.session.scalars(select).all())


def get_customer(customer_id: UUID) -> Customer:
    """A customer with their standing and newest invoices. Raises NotFound."""
    customer = find_or_404(Customer, customer_id, NOUN)
    customer.recent_invoices = ledger().recent_invoices(customer.id)
    return _with_figures([customer])[0]


def create_customer(data: dict[str, Any]) -> Customer:
    """Make a customer. Raises Conflict when e-mail or external id are taken, Invalid for an unknown tax."""
    customer = _fill(Customer(org_id=tenancy.current_organization(), id=new_id()), data)
    emit(CustomerCreated(customer))
    return customer


def change_customer(customer_id: UUID, data: dict[str, Any]) -> Customer:
    """Change the fields that `data` has: all of them, or some. Raises NotFound, Conflict, Invalid."""
    customer = find_or_404(Customer, customer_id, NOUN, lock=True)
    if data.get("name", "") is None:
        data["name"] = _other_name(customer, data)
    # The taxes may be all that changes, and they have a table of their own.
    customer.updated_at = clock.now()
    if "archived" in data:
        customer.archived_at = (customer.archived_at or customer.updated_at) if data.pop("archived") else None
    _with_figures([_fill(customer, data)])
    emit(CustomerUpdated(customer))
    return customer


def delete_customer(customer_id: UUID) -> None:
    """Delete a customer; documents still point to them. Raises NotFound, Conflict while they owe."""
    customer = find_or_404(Customer, customer_id, NOUN, lock=True)
    if unpaid := ledger().unpaid_documents(customer.id):
        text = f"{customer.name} has {unpaid} unpaid invoice{'s' if unpaid > 1 else ''}."
        raise Conflict(text, details={"unpaid_invoices": unpaid})
    customer.deleted_at = clock.now()
    emit(CustomerDeleted(customer))


def resolve(customer_id: UUID) -> Customer:
    """The customer a document names. Raises Invalid on `customer_id`: unknown, foreign or deleted."""
    found = _held(Customer.id, customer_id)
    if found is None:
        raise Invalid({"customer_id": UNKNOWN})
    return found


def inline(data: dict[str, Any], at: str = "customer") -> Customer:
    """The customer described inside another document (a loaded CustomerInline, at the path `at` of its body).

    Found by e-mail address and left unchanged, or else made. Raises Conflict, Invalid on fields under `at`.
    """
    email = data.get("email")
    known = _held(Customer.email_key, email.casefold()) if email else None
    if known:
        return known
    try:
        with db.session.begin_nested():
            return create_customer(data)
    except IntegrityError:
        # Another request has just made the customer with this address: it is the one that was meant.
        if email and (known := _held(Customer.email_key, email.casefold())):
            return known
        raise
    except Invalid as refusal:
        raise Invalid(_under(at, refusal.details["fields"])) from refusal
    except Conflict as refusal:
        fields = _under(at, refusal.details["fields"])
        raise Conflict(refusal.message, details={"fields": fields}) from refusal


def party(customer: Customer) -> dict[str, Any]:
    """The buyer's block as JSON, for documents to freeze when they are issued (EN 16931 BG-7)."""
    return {"id": str(customer.id)} | {name: getattr(customer, name) for name in _PARTY}


def _held(column: InstrumentedAttribute[Any], value: object) -> Customer | None:
    """A living customer, kept from deletion until the commit; others may read and invoice them meanwhile."""
    wanted = {"org_id": tenancy.current_organization(), "value": value}
    return db.session.scalars(_held_by(column), wanted).one_or_none()


@cache
def _held_by(column: InstrumentedAttribute[Any]) -> sa.Select[tuple[Customer]]:
    """The statement of `_held`, made once for each column."""
    mine = sa.and_(Customer.org_id == sa.bindparam("org_id"), Customer.deleted_at.is_(None))
    # Most documents name their own taxes: the customer's are fetched when they are asked for.
    query = sa.select(Customer).where(mine, column == sa.bindparam("value")).options(lazyload(Customer.tax_links))
    return query.with_for_update(read=True, key_share=True, of=Customer)


def _under(path: str, fields: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {f"{path}.{name}": texts for name, texts in fields.items()}


def _with_figures(customers: Sequence[Customer]) -> Sequence[Customer]:
    if customers:
        figures = ledger().figures([customer.id for customer in customers])
        for customer in customers:
            customer.balances = figures.get(customer.id, ())
    return customers


def _other_name(customer: Customer, data: Mapping[str, Any]) -> str:
    others = ("company_name", "contact_name")
    name = name_of({field: data.get(field, getattr(customer, field)) for field in others})
    if name is None:
        raise Invalid({"name": NAMELESS})
    return name


def _fill(customer: Customer, data: dict[str, Any]) -> Customer:
    if "email" in data:
        data["email_key"] = data["email"].casefold() if data["email"] else None
    refuse_taken(Customer, Customer.email_key, data.get("email_key"), field="email", but=customer.id)
    external_id = data.get("external_id")
    refuse_taken(Customer, Customer.external_id, external_id, field="external_id", but=customer.id)
    if "tax_ids" in data:
        link_taxes(customer, CustomerTax, data.pop("tax_ids"))
    for name, value in data.items():
        setattr(customer, name, value)
    db.session.add(customer)
    db.session.flush()
    return customer
