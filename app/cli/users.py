"""`flask user`: people and their roles."""

from typing import Any

import click
import sqlalchemy as sa

from app.accounts import service
from app.accounts.models import ROLES, Membership, User
from app.cli.organizations import org_option, working_for
from app.cli.shell import Checked, Group, Refusal, answer, json_option, table
from app.extensions import db
from app.http import fields

user_commands = Group("user", help="People, and their roles in organisations.")


@user_commands.command()
@click.argument("email", type=Checked(fields.Email()))
@org_option
@click.option("--role", type=Checked(fields.Text(20, one_of=ROLES)), default="member", show_default=True)
@click.option("--name", type=Checked(fields.Text(200, least=1)), help="Default: what stands before the @.")
@json_option
def create(email: str, org: str, role: str, name: str | None, *, as_json: bool) -> None:
    """Give the person with the address EMAIL a role in an organisation. Somebody known keeps their name."""
    with working_for(org) as place:
        user = service.create_user(email, name or email.partition("@")[0])
        db.session.flush()
        mine = sa.select(Membership.role).where(Membership.user_id == user.id)
        if present := db.session.scalar(mine):
            raise Refusal(f"{user.email} is in {place.name} already, as {present}.")
        db.session.add(Membership(org_id=place.id, user_id=user.id, role=role))
        data = {"user_id": user.id, "email": user.email, "name": user.name, "role": role, "organization_id": place.id}
        text = f"{user.email} ({user.id}) is in {place.name} as {role}."
    answer(data, text, as_json=as_json)


@user_commands.command("list")
@org_option
@json_option
def list_all(org: str, *, as_json: bool) -> None:
    """List the people of an organisation."""
    query = sa.select(User.id, User.email, User.name, Membership.role).join(Membership, Membership.user_id == User.id)
    with working_for(org, write=False):
        rows: list[dict[str, Any]] = [dict(row._mapping) for row in db.session.execute(query.order_by(Membership.id))]  # noqa: SLF001 - public by its documentation
    answer({"data": rows}, table(rows, ("id", "email", "name", "role")), as_json=as_json)
