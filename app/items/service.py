"""What can be done with items. Guards first; no commit here."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.accounts.service import get_settings
from app.data import clock, tenancy
from app.data.base import new_id
from app.events.service import emit
from app.extensions import db
from app.http.lookup import find_or_404, refuse_taken
from app.items.events import ItemCreated, ItemDeleted, ItemUpdated
from app.items.models import Item, ItemTax
from app.taxes.service import link_taxes

NOUN = "item"


def living(filters: Mapping[str, Any]) -> sa.Select[tuple[Item]]:
    """Select the items not deleted, narrowed by an ItemQuery."""
    items = sa.select(Item).where(Item.deleted_at.is_(None))
    if filters.get("search"):
        searched = (Item.name, Item.sku, Item.description)
        hits = (column.icontains(filters["search"], autoescape=True) for column in searched)
        items = items.where(sa.or_(*hits))
    if filters.get("type"):
        items = items.where(Item.type == filters["type"])
    if "active" in filters:
        items = items.where(Item.active.is_(filters["active"]))
    return items


def get_item(item_id: UUID) -> Item:
    """An item. Raises NotFound."""
    return find_or_404(Item, item_id, NOUN)


def create_item(data: dict[str, Any]) -> Item:
    """Make an item. Raises Conflict when its sku or external id is taken, Invalid for an unknown tax."""
    item = _fill(Item(org_id=tenancy.current_organization(), id=new_id()), data)
    emit(ItemCreated(item))
    return item


def change_item(item_id: UUID, data: dict[str, Any]) -> Item:
    """Change the fields that `data` has: all of them, or some. Raises NotFound, Conflict, Invalid."""
    item = find_or_404(Item, item_id, NOUN, lock=True)
    # The taxes may be all that changes, and they have a table of their own.
    item.updated_at = clock.now()
    _fill(item, data)
    emit(ItemUpdated(item))
    return item


def delete_item(item_id: UUID) -> None:
    """Take an item out of the catalogue: documents that point to it go on doing so. Raises NotFound."""
    item = find_or_404(Item, item_id, NOUN, lock=True)
    item.deleted_at = clock.now()
    emit(ItemDeleted(item))


def _fill(item: Item, data: dict[str, Any]) -> Item:
    refuse_taken(Item, Item.sku, data.get("sku"), field="sku", but=item.id)
    refuse_taken(Item, Item.external_id, data.get("external_id"), field="external_id", but=item.id)
    if "tax_ids" in data:
        link_taxes(item, ItemTax, data.pop("tax_ids"))
    if "currency" in data:
        data["currency"] = data["currency"] or get_settings().currency
    for name, value in data.items():
        setattr(item, name, value)
    db.session.add(item)
    db.session.flush()
    return item
