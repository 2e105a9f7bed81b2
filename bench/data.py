"""Filling the databases: organisations with few and with many invoices of ten lines.

Billhook's first invoice is made and issued through its API; the others are copies of its rows, made inside the database
by INSERT … SELECT with new ids, numbers, dates and customers. So they are valid whatever columns the tables have. The
floor of the same work reads and writes these very rows; the bare floor has tables of its own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from flask import Flask

from app.accounts import service as accounts
from app.data import migrate
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from app.invoices.models import Invoice, InvoiceLine
from app.numbering.models import Number, NumberCounter
from bench import bare

CUSTOMERS, LINES, DAYS = 100, 10, 730
SPREAD = 1000  # invoices of an organisation that are asked for one by one
STRIDE = 7919  # prime, so that they lie all over it
FIRST_ID = 0x0190_0000_0000_7000_8000_0000_0000_0000  # a UUIDv7 of June 2024: older than any that the benchmark makes

LINE = {"name": "Consulting, on site", "quantity": 3, "unit_price": "149.90"}
RATED = [LINE | {"tax_rate": "20"}] * LINES
BARE = [LINE] * LINES
TWO_PAGES = [LINE | {"tax_rate": "20", "description": "As agreed."}] * 24


@dataclass(frozen=True)
class Size:
    """How many invoices an organisation has, and how many lines each of them."""

    invoices: int
    lines: int = LINES


@dataclass(frozen=True)
class Organization:
    """One of the benchmark's organisations: how many invoices it has, and the ids of some."""

    key: str
    customer_id: Any
    invoices: int
    invoice_ids: Sequence[Any]


@dataclass(frozen=True)
class Dialect:
    """What the databases write differently: a day so many days after :first, a UUID of two parts, a copy's number."""

    day: str
    uuid: str
    number: str


DIALECTS = {
    "postgresql": Dialect(
        day="CAST(:first AS date) + CAST({} AS integer)",
        uuid="CAST('{}' || lpad(to_hex({}), 12, '0') AS uuid)",
        number="'INV-' || lpad(CAST(n AS text), greatest(4, length(CAST(n AS text))), '0')",
    ),
    "sqlite": Dialect(
        day="date(:first, '+' || ({}) || ' days')",
        uuid="'{}' || printf('%012x', {})",
        number="printf('INV-%04d', n)",
    ),
}

# n counts the copies from 2 to :size, d their days from 0 to :days.
COPIES = """(WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c WHERE n < :size)
    SELECT n, n * :days / :size AS d FROM c) AS copies"""
BUYERS = """(SELECT row_number() OVER (ORDER BY id) - 1 AS b, id, name, email FROM customers WHERE org_id = :org)
    AS buyer"""


def fill_billhook(settings: Mapping[str, Any], sizes: Mapping[str, Size]) -> dict[str, Organization]:
    """Migrate the database and make an organisation of each size, by name."""
    app = create_app(settings)
    migrate.upgrade(app)
    made = {name: _organization(app, size) for name, size in sizes.items()}
    with app.app_context():
        _analyze(db.engine)
        db.engine.dispose()
    return made


def _organization(app: Flask, size: Size) -> Organization:
    with app.app_context(), crossing("the benchmark makes its organisation"), unit_of_work():
        owner = accounts.create_user(f"{uuid4().hex}@example.com", "Bench")
        seller = {"address": {"line1": "Hauptstraße 1", "city": "Berlin", "country": "DE"}, "vat_id": "DE123456789"}
        made = accounts.create_organization("Bench GmbH", "enterprise", owner, {"seller": seller})
        org_id, key = made.organization.id, made.secret
    client = app.test_client()

    def post(path: str, body: Any = None) -> Any:
        response = client.post(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}"})
        if response.status_code not in {200, 201}:
            raise RuntimeError(f"POST {path}: {response.status_code} {response.text[:500]}")
        return response.get_json()

    post("/taxes", {"name": "VAT 20 %", "rate": "20", "is_default": True})
    buyers = [{"name": f"Customer {n}", "email": f"customer{n}@example.com"} for n in range(CUSTOMERS)]
    customers = [post("/customers", buyer)["id"] for buyer in buyers]
    if not size.invoices:
        return Organization(key, customers[0], 0, [])
    first = post("/invoices", {"customer_id": customers[0], "lines": RATED[: size.lines]})["id"]
    post(f"/invoices/{first}/issue")
    with app.app_context():
        _copy(org_id, UUID(first), size.invoices)
    ids = [UUID(int=FIRST_ID + 2 + n * STRIDE % (size.invoices - 1)) for n in range(SPREAD)]
    return Organization(key, customers[0], size.invoices, ids)


def _copy(org_id: UUID, first: UUID, size: int) -> None:
    """Copy the first invoice until there are `size`, numbered and dated as if they had been issued one by one."""
    dialect = DIALECTS[db.engine.dialect.name]

    def insert(table: sa.FromClause, source: str, **changed: str) -> None:
        names = [column.name for column in table.columns]
        values = [changed.get(name, f'"{table.name}"."{name}"') for name in names]
        columns = ", ".join(f'"{name}"' for name in names)
        statement = sa.text(f"INSERT INTO {table.name} ({columns}) SELECT {', '.join(values)} FROM {source}")  # noqa: S608 - our own names
        bound = statement.bindparams(*(each for name, each in given.items() if f":{name}" in statement.text))
        with crossing("the benchmark copies rows"), unit_of_work():
            db.session.execute(bound)
        # PostgreSQL would check each line's foreign key by reading all invoices, as if they were still as few.
        _analyze(db.engine)

    def uuid(number: str) -> str:
        return dialect.uuid.format(f"{FIRST_ID:032x}"[:-12], number)

    values = {"org": org_id, "original": first, "size": size, "customers": CUSTOMERS, "days": DAYS}
    values["first"] = datetime.now(UTC).date() - timedelta(days=DAYS)
    types = {"org": sa.Uuid(), "original": sa.Uuid(), "first": sa.Date()}
    given = {name: sa.bindparam(name, value, types.get(name, sa.Integer())) for name, value in values.items()}
    insert(
        Invoice.__table__,
        f"invoices, {COPIES}, {BUYERS} WHERE invoices.id = :original AND b = n % :customers",
        id=uuid("n"),
        number=dialect.number,
        customer_id="buyer.id",
        customer_name="buyer.name",
        customer_email="buyer.email",
        issue_date=dialect.day.format("d"),
        due_date=dialect.day.format("d + 30"),
    )
    insert(
        InvoiceLine.__table__,
        f"invoice_lines, {COPIES} WHERE invoice_id = :original",
        id=uuid(f"n * {LINES} + position"),
        invoice_id=uuid("n"),
    )
    insert(
        Number.__table__,
        f"numbers, {COPIES} WHERE document_id = :original",
        id=uuid("n"),
        document_id=uuid("n"),
        number=dialect.number,
        sequence="n",
    )
    counters = NumberCounter.__table__
    with crossing("the benchmark copies rows"), unit_of_work():
        db.session.execute(sa.update(counters).where(counters.c.org_id == org_id).values(next=size + 1))


def fill_bare(url: str, sizes: Mapping[str, Size]) -> dict[str, Organization]:
    """The same for the bare floor's own small tables."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    made: dict[str, Organization] = {}
    with engine.begin() as connection:
        for statement in bare.SCHEMA.format(identity=bare.IDENTITY[engine.dialect.name]).split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.execute(sa.text(COUNTED), {"most": max(CUSTOMERS, *(size.invoices for size in sizes.values()))})
        for org_id, (name, size) in enumerate(sizes.items(), 1):
            key, first = f"bench_{name}", 1 + sum(each.invoices for each in made.values())
            _fill_one(connection, org_id, hashlib.sha256(key.encode()).digest(), first, size)
            ids = [first + n * STRIDE % size.invoices for n in range(SPREAD) if size.invoices]
            made[name] = Organization(key, 1, size.invoices, ids)
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('invoices', 'id'), max(id)) FROM invoices")
    _analyze(engine)
    engine.dispose()
    return made


COUNTED = """CREATE TEMPORARY TABLE counted AS
    WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < :most) SELECT n FROM c"""
FLOOR_ROWS = (
    "INSERT INTO api_keys VALUES (:hash, :org)",
    "INSERT INTO default_taxes VALUES (:org, 'VAT 20 %', '20')",
    "INSERT INTO counters VALUES (:org, :size + 1)",
    """INSERT INTO customers SELECT :org, n + 1, 'Customer ' || n, 'customer' || n || '@example.com', 'EUR', 30
    FROM counted WHERE n < :customers""",
    """INSERT INTO invoices SELECT n + :first, :org, n % :customers + 1, n + 1, 'issued', '2026-01-15', '2026-02-14',
    'EUR', 449700, 89940, 539640, 0, '2026-01-15T09:30:00' FROM counted WHERE n < :size""",
    """INSERT INTO lines SELECT id, n, 'Consulting, on site', '3', '149.90', '20', 44970, 8994
    FROM invoices CROSS JOIN counted WHERE org_id = :org AND n < :lines""",
)


def _fill_one(connection: sa.Connection, org_id: int, key_hash: bytes, first: int, size: Size) -> None:
    values = {"org": org_id, "hash": key_hash, "first": first, "customers": CUSTOMERS}
    values |= {"size": size.invoices, "lines": size.lines}
    for statement in FLOOR_ROWS:
        connection.execute(sa.text(statement), values)


def _analyze(engine: sa.Engine) -> None:
    """What PostgreSQL does by itself a minute later, and SQLite not at all."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
