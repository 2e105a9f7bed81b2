"""/taxes, /units, /payment-methods."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.lookup import find_or_404
from app.http.paging import Page, PageQuery, page_of, paginate
from app.taxes import service
from app.taxes.models import PaymentMethod, Tax, Unit
from app.taxes.schemas import (
    PaymentMethodIn,
    PaymentMethodOut,
    TaxIn,
    TaxOut,
    TaxPatch,
    TaxQuery,
    UnitIn,
    UnitOut,
)

bp = Blueprint("taxes", __name__, description="Taxes, units of measure and payment methods.")

TAX_SORTS = {"created_at": Tax.id, "name": Tax.name, "order": Tax.order}
UNIT_SORTS = {"created_at": Unit.id, "name": Unit.name}
METHOD_SORTS = {"created_at": PaymentMethod.id, "name": PaymentMethod.name}


@bp.route("/taxes")
@requires(scope="settings:read")
@bp.arguments(TaxQuery, location="query")
@bp.response(200, page_of(TaxOut))
def list_taxes(query: dict[str, Any]) -> Page:
    """List taxes."""
    taxes = sa.select(Tax).where(Tax.deleted_at.is_(None))
    if query.get("kind"):
        taxes = taxes.where(Tax.kind == query["kind"])
    if query.get("search"):
        taxes = taxes.where(Tax.name.icontains(query["search"], autoescape=True))
    return paginate(taxes, query, model=Tax, sorts=TAX_SORTS, default="order")


@bp.route("/taxes", methods=("POST",))
@requires(scope="settings:write")
@bp.arguments(TaxIn)
@bp.response(201, TaxOut)
def create_tax(data: dict[str, Any]) -> Tax:
    """Create a tax."""
    return service.create_tax(data)


@bp.route("/taxes/<uuid:tax_id>")
@requires(scope="settings:read")
@bp.response(200, TaxOut)
def get_tax(tax_id: UUID) -> Tax:
    """Show a tax with the history of its rate."""
    return service.get_tax(tax_id)


@bp.route("/taxes/<uuid:tax_id>", methods=("PATCH",))
@requires(scope="settings:write")
@bp.arguments(TaxPatch)
@bp.response(200, TaxOut)
def update_tax(data: dict[str, Any], tax_id: UUID) -> Tax:
    """Change a tax; a new rate follows the old one and edits nothing."""
    return service.change_tax(tax_id, data)


@bp.route("/taxes/<uuid:tax_id>", methods=("DELETE",))
@requires(scope="settings:write")
@bp.response(204)
def delete_tax(tax_id: UUID) -> None:
    """Take a tax out of use; documents that carry it keep it."""
    service.delete_tax(tax_id)


@bp.route("/units")
@requires(scope="settings:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, page_of(UnitOut))
def list_units(query: dict[str, Any]) -> Page:
    """List units of measure."""
    units = sa.select(Unit)
    if query.get("search"):
        units = units.where(Unit.name.icontains(query["search"], autoescape=True))
    return paginate(units, query, model=Unit, sorts=UNIT_SORTS, default="name")


@bp.route("/units", methods=("POST",))
@requires(scope="settings:write")
@bp.arguments(UnitIn)
@bp.response(201, UnitOut)
def create_unit(data: dict[str, Any]) -> Unit | PaymentMethod:
    """Create a unit of measure."""
    return service.create_named(Unit, data)


@bp.route("/units/<uuid:unit_id>")
@requires(scope="settings:read")
@bp.response(200, UnitOut)
def get_unit(unit_id: UUID) -> Unit:
    """Show a unit of measure."""
    return find_or_404(Unit, unit_id, "unit")


@bp.route("/units/<uuid:unit_id>", methods=("PATCH",))
@requires(scope="settings:write")
@bp.arguments(UnitIn(partial=True))
@bp.response(200, UnitOut)
def update_unit(data: dict[str, Any], unit_id: UUID) -> Unit | PaymentMethod:
    """Change a unit of measure."""
    return service.change_named(Unit, "unit", unit_id, data)


@bp.route("/units/<uuid:unit_id>", methods=("DELETE",))
@requires(scope="settings:write")
@bp.response(204)
def delete_unit(unit_id: UUID) -> None:
    """Delete a unit of measure; documents keep its name."""
    service.delete_named(Unit, "unit", unit_id)


@bp.route("/payment-methods")
@requires(scope="settings:read")
@bp.arguments(PageQuery, location="query")
@bp.response(200, page_of(PaymentMethodOut))
def list_payment_methods(query: dict[str, Any]) -> Page:
    """List payment methods."""
    methods = sa.select(PaymentMethod)
    if query.get("search"):
        methods = methods.where(PaymentMethod.name.icontains(query["search"], autoescape=True))
    return paginate(methods, query, model=PaymentMethod, sorts=METHOD_SORTS, default="name")


@bp.route("/payment-methods", methods=("POST",))
@requires(scope="settings:write")
@bp.arguments(PaymentMethodIn)
@bp.response(201, PaymentMethodOut)
def create_payment_method(data: dict[str, Any]) -> Unit | PaymentMethod:
    """Create a payment method."""
    return service.create_named(PaymentMethod, data)


@bp.route("/payment-methods/<uuid:method_id>")
@requires(scope="settings:read")
@bp.response(200, PaymentMethodOut)
def get_payment_method(method_id: UUID) -> PaymentMethod:
    """Show a payment method."""
    return find_or_404(PaymentMethod, method_id, "payment method")


@bp.route("/payment-methods/<uuid:method_id>", methods=("PATCH",))
@requires(scope="settings:write")
@bp.arguments(PaymentMethodIn(partial=True))
@bp.response(200, PaymentMethodOut)
def update_payment_method(data: dict[str, Any], method_id: UUID) -> Unit | PaymentMethod:
    """Change a payment method."""
    return service.change_named(PaymentMethod, "payment method", method_id, data)


@bp.route("/payment-methods/<uuid:method_id>", methods=("DELETE",))
@requires(scope="settings:write")
@bp.response(204)
def delete_payment_method(method_id: UUID) -> None:
    """Delete a payment method."""
    service.delete_named(PaymentMethod, "payment method", method_id)
