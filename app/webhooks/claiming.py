"""Taking due deliveries: fair over endpoints, in order per object, under a lease.

An endpoint is given one batch at a time until every other one that waits has been given one, and never more than its
share of the threads. Endpoints that fail or are slow share half of the threads, one or few each: however many of them
hang, the other half serves the rest.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.data import wake
from app.data.base import new_id
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.webhooks.fanout import SOURCE
from app.webhooks.models import Delivery, WebhookEndpoint

LEASE = timedelta(seconds=40)  # longer than a batch can take, and soon over when its process has died
BATCH = 50
_LOCK = 7_205_759_406  # one claims at a time on PostgreSQL; on SQLite the write lock sees to it

_DELIVERIES: Any = Delivery.__table__
_ENDPOINTS: Any = WebhookEndpoint.__table__
_EARLIER: Any = _DELIVERIES.alias("earlier")
# Written out: with a parameter in its place, the databases would not know that their partial indexes serve.
_PENDING: Any = sa.literal_column("'pending'")


@dataclass(frozen=True)
class Batch:
    """Deliveries of one endpoint that one thread sends, one after the other, and finishes together."""

    owner: UUID
    endpoint: Any
    deliveries: Sequence[Any]


def _free(table: Any) -> Any:
    """Pending, due, and nobody's."""
    now = sa.bindparam("now", type_=_DELIVERIES.c.created_at.type)
    return sa.and_(
        table.c.state == _PENDING,
        table.c.next_attempt_at <= now,
        sa.or_(table.c.lease_until.is_(None), table.c.lease_until <= now),
    )


def _before(table: Any) -> Any:
    """Earlier in the line of the same object at the same endpoint, and not done with."""
    return sa.and_(
        _EARLIER.c.org_id == table.c.org_id,
        _EARLIER.c.endpoint_id == table.c.endpoint_id,
        _EARLIER.c.entity_id == table.c.entity_id,
        _EARLIER.c.state == _PENDING,
        _EARLIER.c.in_line,
        sa.or_(
            _EARLIER.c.seq < table.c.seq,
            sa.and_(_EARLIER.c.seq == table.c.seq, _EARLIER.c.id < table.c.id),
        ),
    )


_HELD = sa.and_(_DELIVERIES.c.in_line, sa.exists().where(_before(_DELIVERIES), sa.not_(_free(_EARLIER))))
_SENDING = sa.and_(_ENDPOINTS.c.active, _ENDPOINTS.c.paused_at.is_(None), _ENDPOINTS.c.deleted_at.is_(None))
_WAITS = sa.exists().where(
    _DELIVERIES.c.org_id == _ENDPOINTS.c.org_id,
    _DELIVERIES.c.endpoint_id == _ENDPOINTS.c.id,
    _free(_DELIVERIES),
    sa.not_(_HELD),
)
_DUE = sa.select(_ENDPOINTS).where(_SENDING, _WAITS)
_IN_FLIGHT = (
    sa.select(
        _ENDPOINTS.c.id,
        _ENDPOINTS.c.failing_since.is_not(None).label("failing"),
        sa.func.count(_DELIVERIES.c.lease_owner.distinct()).label("batches"),
    )
    .join(
        _DELIVERIES, sa.and_(_DELIVERIES.c.org_id == _ENDPOINTS.c.org_id, _DELIVERIES.c.endpoint_id == _ENDPOINTS.c.id)
    )
    .where(
        _DELIVERIES.c.state == _PENDING,
        _DELIVERIES.c.lease_owner.is_not(None),
        _DELIVERIES.c.lease_until > sa.bindparam("now", type_=_DELIVERIES.c.created_at.type),
    )
    .group_by(_ENDPOINTS.c.id, _ENDPOINTS.c.failing_since)
)
_CANDIDATES = (
    sa.select(
        _DELIVERIES.c.id, _DELIVERIES.c.event_id, _DELIVERIES.c.event, _DELIVERIES.c.body, _DELIVERIES.c.attempt_count,
        _DELIVERIES.c.entity_id, _DELIVERIES.c.in_line, _DELIVERIES.c.seq,
        sa.case(
            (_DELIVERIES.c.in_line, sa.select(sa.func.count()).where(_before(_DELIVERIES)).scalar_subquery()), else_=0
        ).label("earlier"),
    )
    .where(
        _DELIVERIES.c.org_id == sa.bindparam("org"),
        _DELIVERIES.c.endpoint_id == sa.bindparam("endpoint"),
        _free(_DELIVERIES),
        sa.not_(_HELD),
    )
    .order_by(_DELIVERIES.c.next_attempt_at, _DELIVERIES.c.seq, _DELIVERIES.c.id)
    .limit(BATCH)
)  # fmt: skip
_LEASE = sa.update(_DELIVERIES).where(_DELIVERIES.c.org_id == sa.bindparam("org"), _DELIVERIES.c.state == _PENDING)


@dataclass(frozen=True)
class Shares:
    """How the threads are shared: the most of them that one endpoint, and that the slow ones together, may hold."""

    threads: int

    @property
    def each(self) -> int:
        """Batches of one endpoint at once."""
        return max(1, self.threads // 4)

    @property
    def slow(self) -> int:
        """Batches of all failing and slow endpoints at once."""
        return max(1, self.threads // 2)


def claim(limit: int, shares: Shares, slow: Collection[UUID], served: Mapping[UUID, int], now: datetime) -> list[Batch]:
    """At most `limit` batches, one for each endpoint whose turn it is. A transaction of its own, or none.

    `slow`: endpoints that were seen to be slow; `served`: when each had its last turn.
    """
    with crossing("the sender serves every organisation"):
        with unit_of_work(write=False):
            waiting = db.session.execute(_DUE, {"now": now}).all()
        if not waiting:
            return []
        with unit_of_work():
            _wait_for_turn()
            busy = {row.id: row for row in db.session.execute(_IN_FLIGHT, {"now": now})}
            turns = _turns(waiting, busy, shares, slow, served)[:limit]
            batches = [batch for endpoint in turns if (batch := _take(endpoint, now))]
            if any(len(batch.deliveries) == BATCH for batch in batches):
                wake.wake_after_commit(SOURCE)  # there is more for another thread
            return batches


def overdue(before: datetime, now: datetime) -> int:
    """How many deliveries have been due since before an instant, though nothing holds them back."""
    late = (
        sa.select(sa.func.count())
        .select_from(_DELIVERIES)
        .join(
            _ENDPOINTS,
            sa.and_(_ENDPOINTS.c.org_id == _DELIVERIES.c.org_id, _ENDPOINTS.c.id == _DELIVERIES.c.endpoint_id),
        )
        .where(_SENDING, _free(_DELIVERIES), _DELIVERIES.c.next_attempt_at <= before, sa.not_(_HELD))
    )
    with crossing("what is overdue is the installation's"), unit_of_work(write=False):
        return int(db.session.execute(late, {"now": now}).scalar_one())


def release(owners: Collection[UUID]) -> None:
    """Give back what these batches still hold."""
    with crossing("the sender gives back its leases"), unit_of_work():
        held = sa.update(_DELIVERIES).where(_DELIVERIES.c.state == _PENDING, _DELIVERIES.c.lease_owner.in_(owners))
        db.session.execute(held.values(lease_owner=None, lease_until=None))


def _turns(
    waiting: Iterable[Any], busy: Mapping[UUID, Any], shares: Shares, slow: Collection[UUID], served: Mapping[UUID, int]
) -> list[Any]:
    """The endpoints that may have a batch now: those with the least in flight first, then who waited longest."""
    flying = {key: row.batches for key, row in busy.items()}
    room = shares.slow - sum(row.batches for key, row in busy.items() if row.failing or key in slow)
    found = []
    for row in sorted(waiting, key=lambda row: (flying.get(row.id, 0), served.get(row.id, 0))):
        careful = row.failing_since is not None or row.id in slow
        if flying.get(row.id, 0) >= (1 if row.failing_since else shares.each) or (careful and room <= 0):
            continue
        room -= careful
        found.append(row)
    return found


def _wait_for_turn() -> None:
    """Until the end of the transaction no other process claims: what is in flight is counted by one at a time."""
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _take(endpoint: Any, now: datetime) -> Batch | None:
    found = db.session.execute(_CANDIDATES, {"org": endpoint.org_id, "endpoint": endpoint.id, "now": now}).all()
    deliveries = _in_order(found)
    if not deliveries:
        return None
    owner = new_id()
    lease = _LEASE.where(_DELIVERIES.c.id.in_([each.id for each in deliveries]))
    taken = lease.values(lease_owner=owner, lease_until=now + LEASE).returning(_DELIVERIES.c.id)
    mine = set(db.session.scalars(taken, {"org": endpoint.org_id}))
    return Batch(owner, endpoint, [each for each in deliveries if each.id in mine])


def _in_order(found: Iterable[Any]) -> list[Any]:
    """Candidates in the order of events, without those whose earlier ones are not in the same batch."""
    before: dict[UUID, int] = {}
    kept = []
    for row in sorted(found, key=lambda row: (row.seq, row.id)):
        if row.in_line:
            if row.earlier != before.get(row.entity_id, 0):
                continue
            before[row.entity_id] = before.get(row.entity_id, 0) + 1
        kept.append(row)
    return kept
