"""Who does it, and why: written into every event."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from flask import g, has_request_context

from app.http.change import request_reason


@dataclass(frozen=True)
class Actor:
    """Who acts. type: user, service or agent (what the key says of itself), job, or operator (the command line).

    id: the API key's, if there is one. name: the key's name, the job's name, or the command.
    """

    type: str
    name: str
    id: UUID | None = None
    reason: str | None = None
    request_id: str | None = None


OPERATOR = Actor("operator", "command line")
_acting: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextmanager
def acting_as(kind: str, name: str) -> Iterator[None]:
    """Whatever happens in the block was done by this actor: jobs and commands say so."""
    token = _acting.set(Actor(kind, name))
    try:
        yield
    finally:
        _acting.reset(token)


def current_actor() -> Actor:
    """Who acts now: as said by `acting_as`, else the caller of the request, else the operator."""
    if acting := _acting.get():
        return acting
    who = g.get("principal") if has_request_context() else None
    if who is None:
        return OPERATOR
    return Actor(who.actor_type, who.key_name, who.key_id, request_reason(), g.get("request_id"))
