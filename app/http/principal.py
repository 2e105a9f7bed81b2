"""Who is calling. Made once per request by the Access registered in the factory, read from `principal()`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from flask import current_app, g

EXTENSION = "billhook.access"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """The holder of a key: one organisation (and the time zone it lives in), a set of scopes ("*": all), a tier."""

    org_id: UUID
    key_id: UUID
    user_id: UUID | None
    tier: str
    timezone: str
    scopes: frozenset[str]
    actor_type: str
    key_name: str

    def missing_scopes(self, wanted: Iterable[str]) -> list[str]:
        """Those of `wanted` that this key does not hold."""
        return [] if "*" in self.scopes else sorted(set(wanted) - self.scopes)


class Access(Protocol):
    """What the guard asks of the accounts and tiers features, which live above this layer."""

    def authenticate(self, authorization: str | None, remote_address: str | None) -> Principal:
        """The principal of an Authorization header. Raises errors.Unauthorized."""

    def tier_opens(self, tier: str, required: str) -> bool:
        """Whether an organisation on `tier` may use what needs `required`."""

    def knows_tier(self, tier: str) -> bool:
        """Whether the operator's catalogue has this tier."""


def access() -> Access:
    """The Access of the running application."""
    found: Access = current_app.extensions[EXTENSION]
    return found


def principal() -> Principal:
    """The principal of the running request. Raises RuntimeError in a public endpoint, which has none."""
    found: Principal | None = g.get("principal")
    if found is None:
        raise RuntimeError("this request has no principal")
    return found
