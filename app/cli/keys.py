"""`flask key`: API keys."""

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa

from app.accounts import service
from app.accounts.models import ApiKey
from app.accounts.schemas import ApiKeyIn, ApiKeyOut
from app.accounts.scopes import ALL
from app.cli.organizations import Place, org_option, working_for
from app.cli.shell import Checked, Group, Refusal, answer, json_option, table
from app.extensions import db
from app.http import fields
from app.http.principal import Principal

NOBODY = UUID(int=0)

key_commands = Group("key", help="API keys.")


@key_commands.command()
@org_option
@click.option("--name", default="Command line", show_default=True)
@click.option(
    "--scopes", default=ALL, show_default=True, help="Separated by commas, e.g. invoices:read,customers:read."
)
@click.option("--expires", help="A day (its beginning, where the organisation is), or an instant with its offset.")
@click.option("--actor-type", default="service", show_default=True, help="user, service or agent.")
@json_option
def create(org: str, name: str, scopes: str, expires: str | None, actor_type: str, *, as_json: bool) -> None:
    """Make a key and show it, this once."""
    with working_for(org) as place:
        listed = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        values = ApiKeyIn().load({"name": name, "scopes": listed, "actor_type": actor_type})
        values["expires_at"] = _instant(expires, place)
        key = service.create_key(operator(place), values)
        shown: dict[str, Any] = ApiKeyOut().dump(key)
        secret = key.key
    data = {"organization_id": place.id, "key_id": shown["id"]} | shown | {"key": secret}
    answer(data, f"Made the key {name} ({shown['id']}) of {place.name}, shown this once: {secret}", as_json=as_json)


@key_commands.command("list")
@org_option
@json_option
def list_all(org: str, *, as_json: bool) -> None:
    """List an organisation's keys, revoked ones too, without their secrets."""
    with working_for(org, write=False):
        rows: list[dict[str, Any]] = ApiKeyOut(many=True).dump(
            db.session.scalars(sa.select(ApiKey).order_by(ApiKey.id))
        )
    columns = ("id", "name", "key", "scopes", "expires_at", "last_used_at", "revoked_at")
    short = [row | {"key": f"{row['prefix']}…{row['last_four']}", "scopes": ",".join(row["scopes"])} for row in rows]
    answer({"data": rows}, table(short, columns), as_json=as_json)


@key_commands.command()
@click.argument("key_id", metavar="ID", type=Checked(fields.Id()))
@org_option
@json_option
def revoke(key_id: UUID, org: str, *, as_json: bool) -> None:
    """Make the key ID useless, in every running server within a second."""
    with working_for(org):
        service.revoke_key(key_id)
    answer({"key_id": key_id, "revoked": True}, f"The key {key_id} is revoked.", as_json=as_json)


def operator(place: Place) -> Principal:
    """The operator at the command line, who may do all in any organisation."""
    return Principal(
        org_id=place.id,
        key_id=NOBODY,
        user_id=None,
        tier=place.tier,
        timezone=place.timezone,
        scopes=frozenset({ALL}),
        actor_type="user",
        key_name="command line",
    )


def _instant(text: str | None, place: Place) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(place.timezone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refusal("--expires must be a day such as 2027-01-01, or an instant such as 2027-01-01T12:00:00Z.", 2)
