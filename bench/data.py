"""Filling both databases: organisations with few and with many invoices of ten lines.

Billhook's first invoice is made and issued through its API; the others are copies of its rows, made inside the database by
INSERT … SELECT with new ids, numbers, dates and customers. So they are valid whatever columns the tables have.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from flask import Flask

from app.accounts import service as accounts
from app.accounts.models import Settings
from app.customers.models import Customer
from app.data import migrate
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from app.invoices.models import Invoice, InvoiceLine
from app.numbering.models import Number, NumberCounter
from bench import floor

CUSTOMERS = 100
LINES = 10
DAYS = 730
FIRST_ID = 0x0190_0000_0000_7000_8000_0000_0000_0000  # a UUIDv7 of June 2024: older than any that the benchmark makes

LINE = {"name": "Consulting, on site", "quantity": 3, "unit_price": "149.90"}
RATED = [LINE | {"tax_rate": "20"}] * LINES
BARE = [LINE] * LINES
LONG = [LINE | {"tax_rate": "20", "description": "As agreed."}] * 40


@dataclass(frozen=True)
class Organization:
    """One of the benchmark's organisations: its key, one of its customers, and how many invoices it has."""

    key: str
    customer_id: Any
    invoices: int

    def invoice_ids(self, count: int) -> list[Any]:
        """Ids of invoices, spread over all there are. The floor's ids are counted through all organisations."""
        raise NotImplementedError


@dataclass(frozen=True)
class BillhookOrganization(Organization):
    """Made by `fill_billhook`."""

    def invoice_ids(self, count: int) -> list[UUID]:
        """See Organization."""
        return [UUID(int=FIRST_ID + 1 + n * 7919 % self.invoices) for n in range(count)]


@dataclass(frozen=True)
class FloorOrganization(Organization):
    """Made by `fill_floor`."""

    first_id: int

    def invoice_ids(self, count: int) -> list[int]:
        """See Organization."""
        return [self.first_id + n * 7919 % self.invoices for n in range(count)]


def fill_billhook(settings: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, BillhookOrganization]:
    """Migrate the database and make an organisation of each size (0: empty), by name."""
    app = create_app(settings)
    migrate.upgrade(app)
    made = {name: _organization(app, size) for name, size in sizes.items()}
    with app.app_context():
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("VACUUM ANALYZE")  # what autovacuum does within a minute
        db.engine.dispose()
    return made


def _organization(app: Flask, size: int) -> BillhookOrganization:
    with app.app_context(), crossing("the benchmark makes its organisation"), unit_of_work():
        owner = accounts.create_user(f"{uuid4().hex}@example.com", "Bench")
        seller = {"address": {"line1": "Hauptstraße 1", "city": "Berlin", "country": "DE"}, "vat_id": "DE123456789"}
        made = accounts.create_organization("Bench GmbH", "enterprise", owner, {"seller": seller})
        org_id, key = made.organization.id, made.secret
    client = app.test_client()

    def post(path: str, body: Any = None) -> Any:  # noqa: ANN401 - any JSON
        response = client.post(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}"})
        if not response.is_json or response.status_code >= 300:  # noqa: PLR2004 - the end of success
            raise RuntimeError(f"POST {path}: {response.status_code} {response.text[:500]}")
        return response.get_json()

    post("/taxes", {"name": "VAT 20 %", "rate": "20", "is_default": True})
    customers = [
        post("/customers", {"name": f"Customer {n}", "email": f"customer{n}@example.com"})["id"]
        for n in range(CUSTOMERS)
    ]
    if size:
        invoice = post("/invoices", {"customer_id": customers[0], "lines": RATED})
        post(f"/invoices/{invoice['id']}/issue")
        with app.app_context(), crossing("the benchmark copies rows"), unit_of_work():
            _copy(db.session.connection(), org_id, UUID(invoice["id"]), size)
    return BillhookOrganization(key, customers[0], size)


def _copy(connection: sa.Connection, org_id: UUID, template: UUID, size: int) -> None:
    """Put `size` copies in the template's place, numbered and dated as if they had been issued one after the other."""
    sql = _Sql(connection.dialect.name)
    invoices, lines, numbers = Invoice.__table__, InvoiceLine.__table__, Number.__table__
    key = {"org": sql.id(org_id), "template": sql.id(template), "size": size, "customers": CUSTOMERS, "days": DAYS}
    key |= {"today": sql.date(datetime.now(UTC).date() - timedelta(days=DAYS))}
    connection.execute(sa.text(f"CREATE TEMPORARY TABLE counted AS {sql.counted}"), key)
    connection.execute(
        sa.text("CREATE TEMPORARY TABLE buyers AS SELECT row_number() OVER (ORDER BY id) - 1 AS b, id, name, email"
                " FROM customers WHERE org_id = :org"), key)  # fmt: skip
    connection.execute(sa.text("CREATE TEMPORARY TABLE template AS SELECT * FROM invoices WHERE id = :template"), key)
    connection.execute(
        sa.text("CREATE TEMPORARY TABLE template_lines AS SELECT * FROM invoice_lines WHERE invoice_id = :template"), key
    )
    connection.execute(
        sa.text("CREATE TEMPORARY TABLE template_number AS SELECT * FROM numbers WHERE document_id = :template"), key
    )
    connection.execute(sa.text("DELETE FROM numbers WHERE document_id = :template"), key)
    connection.execute(sa.text("DELETE FROM invoices WHERE id = :template"), key)
    changed = {"id": sql.uuid("n"), "number": sql.number("n"), "customer_id": "b.id", "customer_name": "b.name"}
    changed |= {"customer_email": "b.email", "issue_date": sql.day("d"), "due_date": sql.day("d + 30")}
    _insert(connection, invoices, changed, "template t, counted CROSS JOIN buyers b WHERE b.b = n % :customers", key)
    changed = {"id": sql.uuid(f"n * {LINES} + t.position"), "invoice_id": sql.uuid("n")}
    _insert(connection, lines, changed, "counted, template_lines t", key)
    changed = {"id": sql.uuid("n"), "document_id": sql.uuid("n"), "number": sql.number("n"), "sequence": "n"}
    _insert(connection, numbers, changed, "counted, template_number t", key)
    counters = NumberCounter.__table__
    connection.execute(counters.update().where(counters.c.org_id == org_id).values(next=size + 1))
    for table in ("counted", "buyers", "template", "template_lines", "template_number"):
        connection.execute(sa.text(f"DROP TABLE {table}"))


def _insert(
    connection: sa.Connection, table: sa.Table, changed: Mapping[str, str], source: str, key: Mapping[str, Any]
) -> None:
    names = [column.name for column in table.columns]
    values = ", ".join(changed.get(name, f't."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    connection.execute(sa.text(f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM {source}"), key)  # noqa: S608


class _Sql:
    """What the two databases write differently. `n` counts from 1, `d` is a day from 0 to DAYS."""

    def __init__(self, dialect: str) -> None:
        self.postgresql = dialect == "postgresql"
        days = "CAST(n AS bigint) * :days / :size AS d" if self.postgresql else "n * :days / :size AS d"
        series = "generate_series(1, :size) AS n" if self.postgresql else (
            "(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < :size) SELECT n FROM g)"
        )  # fmt: skip
        self.counted = f"SELECT n, {days} FROM {series} ORDER BY n"

    def id(self, value: UUID) -> UUID | str:
        """A UUID as the driver takes it."""
        return value if self.postgresql else value.hex

    def date(self, value: date) -> date | str:
        """A date as the driver takes it."""
        return value if self.postgresql else value.isoformat()

    def day(self, days: str) -> str:
        """The date so many days after the first one."""
        return f"CAST(:today AS date) + CAST({days} AS integer)" if self.postgresql else f"date(:today, '+' || ({days}) || ' days')"

    def uuid(self, number: str) -> str:
        """The UUID that stands at this place after FIRST_ID."""
        text = f"{FIRST_ID:032x}"[:-12]
        return f"CAST('{text}' || lpad(to_hex({number}), 12, '0') AS uuid)" if self.postgresql else f"'{text}' || printf('%012x', {number})"

    def number(self, sequence: str) -> str:
        """The number of an invoice in the shipped series."""
        if self.postgresql:
            return f"'INV-' || lpad(CAST({sequence} AS text), greatest(4, length(CAST({sequence} AS text))), '0')"
        return f"printf('INV-%04d', {sequence})"


def fill_floor(url: str, sizes: Mapping[str, int]) -> dict[str, FloorOrganization]:
    """The same for the floor's own small tables."""
    connection = floor.connect(url)
    sqlite = url.startswith("sqlite")
    identity = floor.IDENTITY["sqlite" if sqlite else "postgresql"]
    for statement in floor.SCHEMA.format(identity=identity).split(";"):
        if statement.strip():
            connection.execute(statement)
    made, first = {}, 1
    connection.execute("BEGIN")
    for org_id, (name, size) in enumerate(sizes.items(), 1):
        key = f"bench_{name}"
        _fill_one(connection, org_id, key, size, first, sqlite=sqlite)
        made[name] = FloorOrganization(key, 1, size, first)
        first += size
    if not sqlite:
        connection.execute("SELECT setval(pg_get_serial_sequence('invoices', 'id'), %s)", (first,))
    connection.execute("COMMIT")
    if not sqlite:
        connection.execute("VACUUM ANALYZE")
    connection.close()
    return made


def _fill_one(connection: Any, org_id: int, key: str, size: int, first: int, *, sqlite: bool) -> None:  # noqa: ANN401, PLR0913
    def execute(statement: str, values: tuple[Any, ...]) -> None:
        connection.execute(statement.replace("%s", "?").replace("%%", "%") if sqlite else statement, values)

    series = "generate_series(0, %s - 1) n" if not sqlite else (
        "(WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < %s - 1) SELECT n FROM g) g"
    )  # fmt: skip
    execute("INSERT INTO api_keys VALUES (%s, %s)", (hashlib.sha256(key.encode()).digest(), org_id))
    execute("INSERT INTO default_taxes VALUES (%s, 'VAT 20 %%', '20')", (org_id,))
    execute("INSERT INTO counters VALUES (%s, %s)", (org_id, size + 1))
    execute(
        "INSERT INTO customers SELECT %s, n + 1, 'Customer ' || n, 'customer' || n || '@example.com', 'EUR', 30"
        f" FROM {series}", (org_id, CUSTOMERS))  # fmt: skip
    if size:
        execute(
            "INSERT INTO invoices (id, org_id, customer_id, number, state, issue_date, due_date, currency, subtotal, tax,"
            " total, paid, created_at) SELECT n + %s, %s, n %% 100 + 1, n + 1, 'issued', '2026-01-15', '2026-02-14', 'EUR',"
            f" 449700, 89940, 539640, 0, '2026-01-15T09:30:00' FROM {series}", (first, org_id, size))  # fmt: skip
        execute(
            "INSERT INTO lines SELECT i.id, n, 'Consulting, on site', '3', '149.90', '20', 44970, 8994"
            f" FROM invoices i CROSS JOIN {series} WHERE i.org_id = %s", (LINES, org_id))  # fmt: skip
