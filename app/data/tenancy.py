"""Whose data may be seen: the current organisation, and the filter that applies it to every ORM statement.

Three locks hold tenants apart: keys that carry org_id (base.py), the filter below, and on PostgreSQL row-level
security fed by `apply_to_connection`. Without a current organisation a statement on a tenant table raises. Crossing
organisations needs the named context manager `crossing`, which states its reason.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from uuid import UUID
from weakref import WeakKeyDictionary

from flask import has_app_context
from sqlalchemy import Connection, Executable, Table, Uuid, bindparam
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql import visitors

from app.data import clock
from app.data.base import TenantModel
from app.extensions import db


class NoOrganization(RuntimeError):
    """Tenant data was asked for while no organisation was set. A bug, never a user's fault."""


@dataclass(frozen=True)
class Tenant:
    """The organisation that the running code works for, and the time zone that says which day it is there."""

    org_id: UUID
    timezone: str


@dataclass(frozen=True)
class Crossing:
    """Permission to see every organisation's rows, with the reason."""

    reason: str


_current: ContextVar[Tenant | Crossing | None] = ContextVar("organization", default=None)
_NOBODY = UUID(int=0)


def current_organization() -> UUID:
    """The organisation that the running code works for. Raises NoOrganization."""
    return _tenant().org_id


def current_timezone() -> str:
    """The time zone that says which day it is for the current organisation. Raises NoOrganization."""
    return _tenant().timezone


def organization_or_none() -> UUID | None:
    """The organisation that the running code works for, if it works for one."""
    scope = _current.get()
    return scope.org_id if isinstance(scope, Tenant) else None


def today() -> date:
    """The current date where the current organisation is. Raises NoOrganization."""
    return clock.today(_tenant().timezone)


def _tenant() -> Tenant:
    scope = _current.get()
    if not isinstance(scope, Tenant):
        raise NoOrganization("no organisation is set")
    return scope


@contextmanager
def organization(org_id: UUID, timezone: str) -> Iterator[None]:
    """Work for one organisation: reads are filtered by it and inserts belong to it."""
    with _scope(Tenant(org_id, timezone)):
        yield


@contextmanager
def crossing(reason: str) -> Iterator[None]:
    """See all organisations. For operators' commands, authentication and checks alone; inserts still need org_id."""
    with _scope(Crossing(reason)):
        yield


@contextmanager
def _scope(scope: Tenant | Crossing) -> Iterator[None]:
    token = _current.set(scope)
    _reapply()
    try:
        yield
    finally:
        _current.reset(token)
        _reapply()


def _reapply() -> None:
    """A transaction that is already open learns of the change, so that row-level security never lags behind."""
    if (
        has_app_context()
        and db.session.registry.has()
        and (session := db.session()).in_transaction()
        and session.is_active
    ):
        apply_to_connection(session.connection())


def apply_to_connection(connection: Connection) -> None:
    """Tell PostgreSQL's row-level security who asks, for this transaction only."""
    if connection.dialect.name != "postgresql":
        return
    scope = _current.get()
    org = str(scope.org_id) if isinstance(scope, Tenant) else ""
    cross = "on" if isinstance(scope, Crossing) else ""
    connection.exec_driver_sql(
        "SELECT set_config('app.org_id', %s, true), set_config('app.crossing', %s, true)", (org, cross)
    )


def filter_statement(state: ORMExecuteState) -> None:
    """Session event do_orm_execute: restrict every statement on a TenantModel to the current organisation."""
    scope = _current.get()
    if isinstance(scope, Crossing):
        return
    if scope is None:
        for part in visitors.iterate(state.statement):  # type: ignore[arg-type]  # what is executed is a clause
            if isinstance(part, Table) and "org_id" in part.c:
                raise NoOrganization(f"{part.name} was queried while no organisation is set")
    state.statement = _filtered(state.statement)


def _asking() -> UUID:
    """Whose rows a statement may touch, asked when it is executed."""
    scope = _current.get()
    return scope.org_id if isinstance(scope, Tenant) else _NOBODY


# One filter for all organisations: which of them it is, is a parameter of every execution.
_ORGANIZATION = bindparam("current_organization", callable_=_asking, type_=Uuid())
_ONLY = with_loader_criteria(TenantModel, lambda cls: cls.org_id == _ORGANIZATION, include_aliases=True)
# A statement that is made once is filtered once, and is then found in SQLAlchemy's own cache without being read again.
_known: WeakKeyDictionary[Executable, Executable] = WeakKeyDictionary()


def _filtered(statement: Executable) -> Executable:
    found = _known.get(statement)
    if found is None:
        found = _known[statement] = statement.options(_ONLY)
    return found


def after_begin(session: Session, transaction: object, connection: Connection) -> None:  # noqa: ARG001 - event signature
    """Session event after_begin: a transaction starts with its organisation told to the database."""
    apply_to_connection(connection)
