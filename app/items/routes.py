"""/items."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.paging import Page, Sorts, page_of, paginate
from app.items import service
from app.items.models import Item
from app.items.schemas import ItemIn, ItemOut, ItemQuery

bp = Blueprint("items", __name__, description="The catalogue: products and services.")

SORTS: Sorts = {
    "created_at": Item.id,
    "updated_at": Item.updated_at,
    "name": Item.name,
    "price": Item.price,
    "sku": sa.func.coalesce(Item.sku, "").label("sku_order"),
}


@bp.route("/items")
@requires(scope="items:read")
@bp.arguments(ItemQuery, location="query")
@bp.response(200, page_of(ItemOut))
def list_items(query: dict[str, Any]) -> Page:
    """List items, the newest first."""
    return paginate(service.living(query), query, model=Item, sorts=SORTS, default="-created_at")


@bp.route("/items", methods=("POST",))
@requires(scope="items:write")
@bp.arguments(ItemIn)
@bp.response(201, ItemOut)
def create_item(data: dict[str, Any]) -> Item:
    """Create an item."""
    return service.create_item(data)


@bp.route("/items/<uuid:item_id>")
@requires(scope="items:read")
@bp.response(200, ItemOut)
def get_item(item_id: UUID) -> Item:
    """Show an item."""
    return service.get_item(item_id)


@bp.route("/items/<uuid:item_id>", methods=("PUT",))
@requires(scope="items:write")
@bp.arguments(ItemIn)
@bp.response(200, ItemOut)
def replace_item(data: dict[str, Any], item_id: UUID) -> Item:
    """Replace an item; what is left out goes back to its default."""
    return service.change_item(item_id, data)


@bp.route("/items/<uuid:item_id>", methods=("PATCH",))
@requires(scope="items:write")
@bp.arguments(ItemIn(partial=True))
@bp.response(200, ItemOut)
def update_item(data: dict[str, Any], item_id: UUID) -> Item:
    """Change an item; what is left out stays."""
    return service.change_item(item_id, data)


@bp.route("/items/<uuid:item_id>", methods=("DELETE",))
@requires(scope="items:write")
@bp.response(204)
def delete_item(item_id: UUID) -> None:
    """Delete an item; documents that carry it keep it."""
    service.delete_item(item_id)
