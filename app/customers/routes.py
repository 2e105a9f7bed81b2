"""/customers."""

from typing import Any
from uuid import UUID

from app.customers import service
from app.customers.models import Customer
from app.customers.schemas import CUSTOMER_PATCH, CustomerDetail, CustomerIn, CustomerOut, CustomerQuery
from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, Sorts, page_of, paginate

bp = Blueprint("customers", __name__, description="Customers: whom you sell to, and what they owe.")

SORTS: Sorts = {"created_at": Customer.id, "updated_at": Customer.updated_at, "name": Customer.name}


@bp.route("/customers")
@requires(scope="customers:read")
@bp.arguments(CustomerQuery, location="query")
@bp.response(200, page_of(CustomerOut))
def list_customers(query: dict[str, Any]) -> Page:
    """List customers, the newest first; archived ones only when asked for."""
    found = service.living(query)
    return paginate(found, query, model=Customer, sorts=SORTS, default="-created_at", load=service.load)


@bp.route("/customers", methods=("POST",))
@requires(scope="customers:write")
@bp.arguments(CustomerIn)
@bp.response(201, CustomerOut)
def create_customer(data: dict[str, Any]) -> Customer:
    """Create a customer."""
    return service.create_customer(data)


@bp.route("/customers/<uuid:customer_id>")
@requires(scope="customers:read")
@bp.response(200, CustomerDetail)
def get_customer(customer_id: UUID) -> Customer:
    """Show a customer with figures and newest invoices."""
    return service.get_customer(customer_id)


@bp.route("/customers/<uuid:customer_id>", methods=("PUT",))
@requires(scope="customers:write")
@bp.arguments(CustomerIn)
@bp.response(200, CustomerOut)
def replace_customer(data: dict[str, Any], customer_id: UUID) -> Customer:
    """Replace a customer; what is left out goes back to its default. Archived stays archived."""
    return service.change_customer(customer_id, data)


@bp.route("/customers/<uuid:customer_id>", methods=("PATCH",))
@requires(scope="customers:write")
@bp.arguments(CUSTOMER_PATCH)
@bp.response(200, CustomerOut)
def update_customer(data: dict[str, Any], customer_id: UUID) -> Customer:
    """Change a customer, archive them or bring them back; what is left out stays."""
    return service.change_customer(customer_id, data)


@bp.route("/customers/<uuid:customer_id>", methods=("DELETE",))
@requires(scope="customers:write")
@bp.response(204)
def delete_customer(customer_id: UUID) -> None:
    """Delete a customer. Refused while invoices are unpaid."""
    service.delete_customer(customer_id)
