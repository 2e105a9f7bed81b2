"""Authentication: from an Authorization header to a Principal.

A key that was just seen is remembered for under a second, so that a busy client costs no look-up a request while a
revoked key is dead in every process within that second, and at once in the process that revoked it.
"""

import ipaddress
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

import sqlalchemy as sa

from app.accounts import keys
from app.accounts.models import ApiKey, Organization, Settings
from app.data import clock
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.http.errors import Unauthorized
from app.http.principal import Principal
from app.tiers.catalogue import Catalogue

MEMORY_SECONDS = 0.8
MOST_REMEMBERED = 10_000
LAST_USED_EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class _Known:
    principal: Principal
    expires_at: datetime | None
    ip_allowlist: list[str]
    last_used_at: datetime | None
    forget_at: float


class KeyAccess:
    """The Access of the application: API keys in the database, tiers in the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known: dict[bytes, _Known] = {}
        self._lock = threading.Lock()

    def authenticate(self, authorization: str | None, remote_address: str | None) -> Principal:
        """See Access. A wrong, revoked or expired key and a forbidden address are told apart by nobody outside."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if not authorization:
            _refuse("Send an API key: Authorization: Bearer bh_live_…")
        if scheme.lower() != "bearer" or not keys.well_formed(token):
            _refuse("This is no API key of Billhook.")
        digest = keys.digest(token)
        known = self._known.get(digest)
        if known is None or known.forget_at < time.monotonic():
            known = self._look_up(digest)
        if known.expires_at and known.expires_at <= clock.now():
            _refuse("The key does not work (any more).")
        if known.ip_allowlist and not _listed(remote_address, known.ip_allowlist):
            _refuse("The key does not work (any more).")
        self._note_use(known)
        return known.principal

    def tier_opens(self, tier: str, required: str) -> bool:
        """See Access."""
        return self.catalogue.opens(tier, required)

    def knows_tier(self, tier: str) -> bool:
        """See Access."""
        return tier in self.catalogue.names()

    def forget(self, digest: bytes) -> None:
        """Stop remembering a key in this process: it was revoked or changed."""
        with self._lock:
            self._known.pop(digest, None)

    def forget_organization(self, org_id: UUID) -> None:
        """Stop remembering an organisation's keys in this process: its settings changed."""
        with self._lock:
            self._known = {digest: known for digest, known in self._known.items() if known.principal.org_id != org_id}

    def _look_up(self, digest: bytes) -> _Known:
        query = (
            sa.select(ApiKey, Organization.tier, Settings.timezone)
            .join(Organization, Organization.id == ApiKey.org_id)
            .join(Settings, Settings.org_id == ApiKey.org_id)
        )
        with crossing("the key says which organisation it is"), unit_of_work(write=False):
            row = db.session.execute(query.where(ApiKey.hash == digest)).one_or_none()
        if row is None or row.ApiKey.revoked_at:
            self.forget(digest)
            _refuse("The key does not work (any more).")
        key: ApiKey = row.ApiKey
        who = Principal(
            org_id=key.org_id,
            key_id=key.id,
            user_id=key.user_id,
            tier=row.tier,
            timezone=row.timezone,
            scopes=frozenset(key.scopes),
            actor_type=key.actor_type,
            key_name=key.name,
        )
        known = _Known(who, key.expires_at, key.ip_allowlist, key.last_used_at, time.monotonic() + MEMORY_SECONDS)
        with self._lock:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[digest] = known
        return known

    def _note_use(self, known: _Known) -> None:
        now = clock.now()
        if known.last_used_at and now - known.last_used_at < LAST_USED_EVERY:
            return
        known.last_used_at = now
        _write_last_used(known.principal.org_id, known.principal.key_id, now)


def _write_last_used(org_id: UUID, key_id: UUID, now: datetime) -> None:
    stale = sa.or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - LAST_USED_EVERY)
    mine = sa.and_(ApiKey.org_id == org_id, ApiKey.id == key_id, stale)
    with crossing("a key's use is noted before its organisation is set"), unit_of_work():
        db.session.execute(sa.update(ApiKey).where(mine).values(last_used_at=now, updated_at=ApiKey.updated_at))


def _listed(address: str | None, networks: list[str]) -> bool:
    try:
        caller = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # A server that listens on IPv6 sees IPv4 callers as ::ffff:a.b.c.d.
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(network) for network in networks)


def _refuse(message: str) -> NoReturn:
    raise Unauthorized(message)
