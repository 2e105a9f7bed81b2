"""Idempotency-Key: a change that is asked for twice is done once, and the second asking gets the first one's answer.

The key, the effect and the answer are one transaction: its first statement claims the key, and the answer is stored as
soon as it is written. (Only events follow: the end of their stream is what a whole organisation queues at.) So there
is no key without its effect, whatever dies when; a refusal rolls all of it back and may be tried again.
Duplicates meet at the key: on PostgreSQL the second waits for the first, though not for long; on SQLite all writers do.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Response, request
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from app.data import clock
from app.data.base import TenantModel, new_id
from app.data.tenancy import crossing, current_organization
from app.data.transaction import unit_of_work
from app.data.types import Json, UtcDateTime
from app.extensions import db
from app.http.change import KEY, LONGEST_KEY
from app.http.errors import Busy, Invalid
from app.http.parsing import read_body

KEPT_FOR = timedelta(hours=24)
PATIENCE_MS = 5_000  # how long a duplicate waits for the first one's answer
PRUNED_AT_ONCE = 1_000
REPLAYED = "Idempotent-Replayed"
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Content-Disposition")
_LOCK_NOT_AVAILABLE = "55P03"


class IdempotencyRecord(TenantModel):
    """A key that was used: for which request, and what was answered. `sealed`: the body is encrypted, see `_cipher`."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (sa.UniqueConstraint("org_id", "key"), sa.Index("ix_idempotency_keys_expires_at", "expires_at"))

    key: Mapped[str] = mapped_column(sa.String(LONGEST_KEY))
    fingerprint: Mapped[bytes] = mapped_column(sa.LargeBinary(32))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime())
    status: Mapped[int | None]
    headers: Mapped[dict[str, str] | None] = mapped_column(Json)
    body: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    sealed: Mapped[bool] = mapped_column(default=False)


@dataclass(frozen=True)
class _Asked:
    """A request with a key; `secret`: its answer holds a secret."""

    key: str
    fingerprint: bytes
    secret: bool


def answer_once(key: str, work: Callable[[], Response], *, writes: bool, secret: bool) -> Response:
    """The answer of `work`, which is done now, or was within a day for the same request under this key.

    Raises Invalid when the key stands for another request, Busy while the first one still runs.
    """
    # The body is read before the transaction starts: nobody waits for a lock that a slow caller holds.
    asked = _Asked(key, _fingerprint(), secret)
    return _write_once(asked, work) if writes else _read_once(asked, work)


def prune() -> int:
    """Delete the keys whose day is over, a thousand a transaction; how many."""
    deleted = PRUNED_AT_ONCE
    total = 0
    while deleted == PRUNED_AT_ONCE:
        with crossing("keys of all organisations expire"), unit_of_work():
            deleted = _delete_expired(clock.now())
        total += deleted
    return total


def _write_once(asked: _Asked, work: Callable[[], Response]) -> Response:
    with unit_of_work():
        claimed = _claim_or_refuse(asked)
        if claimed is None:
            return _replay_known(asked)
        response = work()
        _store(claimed, asked, response)
        return response


def _read_once(asked: _Asked, work: Callable[[], Response]) -> Response:
    """For work that changes nothing: duplicates may do it at the same time, and all get the answer stored first."""
    with unit_of_work(write=False):
        known = _known(asked)
        if known is not None:
            return _replay(known, asked)
        response = work()
    with unit_of_work():
        claimed = _claim_or_refuse(asked)
        if claimed is None:
            return _replay_known(asked)
        _store(claimed, asked, response)
        return response


def _fingerprint() -> bytes:
    head = f"{request.method}\n{request.path}\n".encode()
    return hashlib.sha256(head + request.query_string + b"\n" + read_body(request)).digest()


def _claim_or_refuse(asked: _Asked) -> UUID | None:
    """The id of the record that is now ours; None when the key is taken. Raises Busy."""
    connection = db.session.connection()
    if connection.dialect.name != "postgresql":
        return _claim(asked)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
    try:
        claimed = _claim(asked)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise Busy("The first request under this key is still running.") from error
    connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")
    return claimed


def _claim(asked: _Asked) -> UUID | None:
    """Enter a key, or take over one whose day is over."""
    now = clock.now()
    fresh = {"fingerprint": asked.fingerprint, "expires_at": now + KEPT_FOR, "sealed": asked.secret}
    insert = postgresql.insert if db.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    entry = insert(IdempotencyRecord).values(
        {"org_id": current_organization(), "id": new_id(), "key": asked.key, **fresh}
    )
    over = IdempotencyRecord.expires_at <= now
    entry = entry.on_conflict_do_update(index_elements=["org_id", "key"], set_=fresh, where=over)
    return db.session.execute(entry.returning(IdempotencyRecord.id)).scalar_one_or_none()


def _store(record_id: UUID, asked: _Asked, response: Response) -> None:
    body = response.get_data()
    answer = {
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        "body": _cipher(record_id).encrypt(body) if asked.secret else body,
    }
    mine = sa.and_(IdempotencyRecord.org_id == current_organization(), IdempotencyRecord.id == record_id)
    update = sa.update(IdempotencyRecord).where(mine).values(answer)
    db.session.execute(update.execution_options(synchronize_session=False))


def _known(asked: _Asked) -> IdempotencyRecord | None:
    mine = sa.and_(IdempotencyRecord.org_id == current_organization(), IdempotencyRecord.key == asked.key)
    alive = sa.select(IdempotencyRecord).where(mine, IdempotencyRecord.expires_at > clock.now())
    return db.session.scalars(alive).one_or_none()


def _replay_known(asked: _Asked) -> Response:
    known = _known(asked)
    if known is None:
        raise Busy("The day of this key has just ended; try again.")
    return _replay(known, asked)


def _replay(known: IdempotencyRecord, asked: _Asked) -> Response:
    if known.fingerprint != asked.fingerprint:
        raise Invalid({KEY: "Was used for another request within the last 24 hours."})
    body = known.body or b""
    if known.sealed:
        try:
            body = _cipher(known.id).decrypt(body)
        except InvalidToken as error:
            raise Invalid({KEY: "Was used by another API key, and the answer is that one's secret."}) from error
    response = Response(body, status=known.status, headers=known.headers)
    response.headers[REPLAYED] = "true"
    return response


def _cipher(record_id: UUID) -> Fernet:
    """Seals an answer that holds a secret with the caller's own key, of which the database has nothing but a hash."""
    token = request.headers["Authorization"].partition(" ")[2].strip()
    derived = HKDF(SHA256(), 32, salt=record_id.bytes, info=b"billhook idempotent answer").derive(token.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _delete_expired(now: datetime) -> int:
    record = IdempotencyRecord
    some = sa.select(record.org_id, record.id).where(record.expires_at <= now).limit(PRUNED_AT_ONCE)
    # Asked twice: a key that was taken over in between has a new day before it.
    mine = sa.and_(
        record.expires_at <= now, sa.tuple_(record.org_id, record.id).in_(some.with_for_update(skip_locked=True))
    )
    done = db.session.execute(sa.delete(record).where(mine).execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]  # a DELETE has one
