"""What can be done with organisations, keys and settings. Guards first; no commit here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import event

from app.accounts import keys
from app.accounts.access import KeyAccess
from app.accounts.events import ApiKeyCreated, ApiKeyRevoked, ApiKeyUpdated, SettingsUpdated
from app.accounts.logo import InvalidLogo, normalise_logo
from app.accounts.models import ApiKey, Membership, Organization, Settings, User
from app.accounts.scopes import ALL
from app.data import clock
from app.data.base import new_id
from app.data.tenancy import current_organization, organization
from app.data.transaction import unit_of_work
from app.events.changes import note_change
from app.events.service import emit
from app.extensions import db
from app.http.errors import Conflict, Forbidden, Invalid, NotFound
from app.http.etags import refuse_stale
from app.http.lookup import find_or_404, refuse_taken
from app.http.principal import Principal, access

_SETTINGS = sa.select(Settings)  # made once: every document asks for them
_SETTINGS_TO_CHANGE = _SETTINGS.with_for_update(of=Settings).execution_options(populate_existing=True)
SETUP = "billhook.organization_setup"  # what other features add to a new organisation: callables that take its id


@dataclass(frozen=True)
class NewOrganization:
    """What `create_organization` made; `secret` is the key, shown this once."""

    organization: Organization
    owner: User
    key: ApiKey
    secret: str


def create_user(email: str, name: str) -> User:
    """Find the user with this e-mail address, or make one."""
    known = db.session.scalars(sa.select(User).where(User.email_key == email.casefold())).one_or_none()
    if known:
        return known
    user = User(id=new_id(), email=email, email_key=email.casefold(), name=name)
    db.session.add(user)
    return user


def create_organization(name: str, tier: str, owner: User, settings: Mapping[str, Any]) -> NewOrganization:
    """Make an organisation with its settings, its owner and a key that holds all scopes. Call under `crossing`."""
    organization = Organization(id=new_id(), name=name, tier=tier)
    db.session.add_all([organization, owner])
    db.session.flush()
    db.session.add(Membership(org_id=organization.id, user_id=owner.id, role="owner"))
    db.session.add(Settings(org_id=organization.id, **settings))
    for set_up in current_app.extensions[SETUP]:
        set_up(organization.id)
    key, secret = make_key(organization.id, {"name": "Owner", "scopes": [ALL], "actor_type": "user"}, owner.id)
    return NewOrganization(organization, owner, key, secret)


def timezone_of(org_id: UUID) -> str | None:
    """An organisation's time zone, None when there is no such organisation. For workers, outside any transaction."""
    with organization(org_id, "UTC"), unit_of_work(write=False):
        return db.session.scalar(sa.select(Settings.timezone))


def make_key(org_id: UUID, values: Mapping[str, Any], user_id: UUID | None) -> tuple[ApiKey, str]:
    """Store a fresh key and return it with its secret."""
    secret = keys.generate()
    key = ApiKey(
        org_id=org_id,
        id=new_id(),
        hash=keys.digest(secret),
        prefix=secret[: len(keys.PREFIX) + 4],
        last_four=secret[-4:],
        user_id=user_id,
        **values,
    )
    db.session.add(key)
    db.session.flush()
    emit(ApiKeyCreated(key))
    return key, secret


def create_key(who: Principal, values: dict[str, Any]) -> ApiKey:
    """Make a key for the caller's organisation. Raises Forbidden when it would grant more than the caller holds."""
    _refuse_more(who, values["scopes"])
    _refuse_past(values["expires_at"])
    refuse_taken(ApiKey, ApiKey.external_id, values["external_id"], field="external_id")
    values["scopes"] = list(dict.fromkeys(values["scopes"]))
    key, secret = make_key(who.org_id, values, who.user_id)
    key.key = secret
    return key


def get_key(key_id: UUID) -> ApiKey:
    """A key of the current organisation, revoked or not. Raises NotFound."""
    key = db.session.get(ApiKey, (current_organization(), key_id))
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def change_key(who: Principal, key_id: UUID, values: dict[str, Any]) -> ApiKey:
    """Change a key's name, scopes, addresses or expiry. Raises NotFound, Forbidden, Invalid, Conflict when revoked."""
    key = _held_key(key_id)
    if key.revoked_at:
        raise Conflict("A revoked key does not change any more.")
    _refuse_more(who, values.get("scopes", []))
    # Widening a key that holds more than the caller would lend the caller its power.
    _refuse_more(who, key.scopes)
    _refuse_past(values.get("expires_at"))
    if "external_id" in values:
        refuse_taken(ApiKey, ApiKey.external_id, values["external_id"], field="external_id", but=key.id)
    if "scopes" in values:
        values["scopes"] = list(dict.fromkeys(values["scopes"]))
    for name, value in values.items():
        setattr(key, name, value)
    _forget_after_commit(key)
    db.session.flush()
    emit(ApiKeyUpdated(key))
    return key


def revoke_key(key_id: UUID) -> None:
    """Make a key useless, at once. Revoking twice is no error. Raises NotFound.

    Any key with keys:admin may revoke any other, also one that holds more: stopping a leak must never wait.
    """
    key = _held_key(key_id)
    if key.revoked_at:
        return
    key.revoked_at = clock.now()
    _forget_after_commit(key)
    emit(ApiKeyRevoked(key))


def _held_key(key_id: UUID) -> ApiKey:
    return find_or_404(ApiKey, key_id, "API key", lock=True)


def member(user_id: UUID | None) -> dict[str, Any] | None:
    """The user with their role in the current organisation."""
    query = (
        sa.select(User, Membership.role).outerjoin(Membership, Membership.user_id == User.id).where(User.id == user_id)
    )
    row = db.session.execute(query).first() if user_id else None
    return {"id": row.User.id, "email": row.User.email, "name": row.User.name, "role": row.role} if row else None


def current() -> Organization:
    """The current organisation."""
    return db.session.get_one(Organization, current_organization())


def get_settings() -> Settings:
    """The current organisation's settings."""
    return db.session.scalars(_SETTINGS).one()


def change_settings(values: dict[str, Any]) -> Settings:
    """Change settings. Raises Invalid for a logo that is no picture."""
    settings = db.session.scalars(_SETTINGS_TO_CHANGE).one()
    refuse_stale(settings)
    if values.get("logo") is not None:
        try:
            values["logo"] = normalise_logo(values["logo"])
        except InvalidLogo as error:
            raise Invalid({"logo": str(error)}) from error
    organization = current()
    note_change(settings, "name", organization.name, values.get("name", organization.name))
    organization.name = values.pop("name", organization.name)
    for name, value in values.items():
        setattr(settings, name, value)
    settings.updated_at = clock.now()
    _after_commit(lambda access: access.forget_organization(settings.org_id))
    db.session.flush()
    emit(SettingsUpdated(settings))
    return settings


def _refuse_more(who: Principal, scopes: list[str]) -> None:
    missing = who.missing_scopes(scopes)
    if missing:
        raise Forbidden("A key cannot grant more than it holds itself.", details={"required_scopes": missing})


def _refuse_past(expires_at: datetime | None) -> None:
    if expires_at and expires_at <= clock.now():
        raise Invalid({"expires_at": "Must lie in the future."})


def _forget_after_commit(key: ApiKey) -> None:
    digest = key.hash
    _after_commit(lambda access: access.forget(digest))


def _after_commit(act: Callable[[KeyAccess], None]) -> None:
    """What this process remembers must change when the database has changed, and not before."""
    remembered = access()
    if isinstance(remembered, KeyAccess):
        event.listen(db.session(), "after_commit", lambda _session: act(remembered), once=True)
