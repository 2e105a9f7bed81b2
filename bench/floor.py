"""The floor: the same work as Billhook's, statement for statement, by hand: Flask, raw SQL, dicts, orjson.

It works on Billhook's own migrated tables and rows. It knows its caller by the SHA-256 of a key (remembered for under a
second), tells row-level security whose transaction it is, reads the columns that Billhook reads, stores every column of
an invoice and of its lines, computes in exact decimals, rounds tax once a group and answers with the same fields. There
is no ORM, no schema, no validation, no OpenAPI: what Billhook takes longer is the price of those.

Written for the benchmark's requests alone: no discounts, charges, items or withholding, the organisation's own currency
of two digits, terms of the form "Net 30". Served by gunicorn like Billhook: `gunicorn bench.floor:app`, with the
variables FLOOR_DATABASE and FLOOR_COLUMNS that run.py sets.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import psycopg
import uuid6
from flask import Flask, Response, abort, request
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads

ROLE = "billhook_app"
MEMORY_SECONDS, LAST_USED_EVERY = 0.8, timedelta(minutes=1)
WHOLE, MICRO = Decimal(1), 1_000_000
SECRET = b"as long as a real one, and as secret"

URL = os.environ.get("FLOOR_DATABASE", "")
ON_SQLITE = URL.startswith("sqlite")

# Every column of Billhook's tables but the logo, which it does not read either. The benchmark hands them in, so that
# none is forgotten when a table grows.
COLUMNS: dict[str, list[str]] = json.loads(os.environ.get("FLOOR_COLUMNS", "null")) or defaultdict(list)
INVOICE, LINE, CUSTOMER = COLUMNS["invoices"], COLUMNS["invoice_lines"], COLUMNS["customers"]
SERIES, SETTINGS, ORGANIZATION = COLUMNS["number_series"], COLUMNS["settings"], COLUMNS["organizations"]
KEY, TAX, RATE, CUSTOMER_TAX = COLUMNS["api_keys"], COLUMNS["taxes"], COLUMNS["tax_rates"], COLUMNS["customer_taxes"]
PARTY = (
    "name", "company_name", "contact_name", "prefix", "email", "phone", "website", "legal_name", "vat_id", "tax_number",
    "registration_id", "registration_scheme", "electronic_address", "electronic_scheme", "billing_address",
    "shipping_address", "buyer_reference", "language",
)  # fmt: skip
LISTED = (
    "id", "number", "series_id", "state", "customer_id", "issue_date", "supply_date", "due_date", "payment_terms",
    "currency", "tax_inclusive", "reference", "po_number", "subtotal", "discount_total", "charge_total", "tax_total",
    "total", "withholding_total", "rounding", "amount_paid", "amount_credited", "base_currency", "base_total",
    "issued_at", "sent_at", "viewed_at", "paid_at", "voided_at", "created_at", "updated_at", "version", "metadata",
    "external_id",
)  # fmt: skip


def _sql(text: str) -> str:
    return text.replace("%s", "?") if ON_SQLITE else text


def _of(table: str, names: Iterable[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


# Made once, of the names above: nothing that a caller sends becomes a part of a statement.
INSERT_INVOICE = _sql(f"INSERT INTO invoices ({', '.join(INVOICE)}) VALUES ({', '.join(['%s'] * len(INVOICE))})")  # noqa: S608
INSERT_LINE = _sql(f"INSERT INTO invoice_lines ({', '.join(LINE)}) VALUES ({', '.join(['%s'] * len(LINE))})")  # noqa: S608
FIND_KEY = _sql(
    f"SELECT {_of('k', KEY)}, o.tier, s.timezone FROM api_keys k"  # noqa: S608
    " JOIN organizations o ON o.id = k.org_id JOIN settings s ON s.org_id = k.org_id WHERE k.hash = %s"
)
NOTE_USE = _sql("UPDATE api_keys SET last_used_at = %s WHERE org_id = %s AND hash = %s")
FIND_SERIES = _sql(
    f"SELECT {', '.join(SERIES)} FROM number_series WHERE org_id = %s AND kind = 'invoice' AND is_default"  # noqa: S608
)
FIND_SETTINGS = _sql(
    f"SELECT {_of('s', SETTINGS)}, {_of('o', ORGANIZATION)} FROM settings s"  # noqa: S608
    " JOIN organizations o ON o.id = s.org_id WHERE s.org_id = %s"
)
FIND_CUSTOMER = _sql(
    f"SELECT {', '.join(CUSTOMER)} FROM customers WHERE org_id = %s AND id = %s AND deleted_at IS NULL"  # noqa: S608
    + ("" if ON_SQLITE else " FOR KEY SHARE")
)
FIND_CUSTOMER_TAXES = _sql(
    f"SELECT {', '.join(CUSTOMER_TAX)} FROM customer_taxes"  # noqa: S608
    " WHERE org_id = %s AND customer_id = %s ORDER BY position"
)
FIND_TAXES = _sql(
    f"SELECT {_of('t', TAX)}, {_of('r', RATE)} FROM taxes t"  # noqa: S608
    " LEFT JOIN tax_rates r ON r.org_id = t.org_id AND r.tax_id = t.id"
    " WHERE t.org_id = %s AND t.is_default ORDER BY r.valid_from"
)
FIND_INVOICE = _sql(
    f"SELECT {_of('i', INVOICE)}, {_of('c', CUSTOMER)} FROM invoices i"  # noqa: S608
    " LEFT JOIN customers c ON c.org_id = i.org_id AND c.id = i.customer_id"
    " WHERE i.org_id = %s AND i.id = %s AND i.deleted_at IS NULL"
)
FIND_LINES = _sql(
    f"SELECT {', '.join(LINE)} FROM invoice_lines WHERE org_id = %s AND invoice_id = %s ORDER BY position"  # noqa: S608
)
COUNT = _sql("SELECT count(id) FROM invoices WHERE org_id = %s AND deleted_at IS NULL")
DUE = "i.total - i.withholding_total + i.rounding - i.amount_paid - i.amount_credited"
PAGE = _sql(
    f"""SELECT {_of("i", LISTED)}, {DUE}, CASE WHEN i.state IN ('draft', 'void', 'written_off') THEN i.state
    WHEN {DUE} <= 0 THEN 'paid' WHEN i.due_date < %s THEN 'overdue'
    WHEN i.amount_paid + i.amount_credited > 0 THEN 'partial' WHEN i.viewed_at IS NOT NULL THEN 'viewed'
    WHEN i.sent_at IS NOT NULL THEN 'sent' ELSE 'issued' END,
    CASE WHEN i.state = 'draft' THEN 'unpaid' WHEN {DUE} <= 0 THEN 'paid'
    WHEN i.amount_paid + i.amount_credited > 0 THEN 'partial' ELSE 'unpaid' END,
    CASE WHEN i.customer_name IS NOT NULL THEN i.customer_name ELSE c.name END,
    CASE WHEN i.customer_name IS NOT NULL THEN i.customer_email ELSE c.email END
    FROM invoices i LEFT JOIN customers c ON c.org_id = i.org_id AND c.id = i.customer_id
    WHERE i.org_id = %s AND i.deleted_at IS NULL ORDER BY i.id DESC LIMIT %s OFFSET %s"""  # noqa: S608
)

app = Flask(__name__)
_known: dict[bytes, tuple[Any, str, float]] = {}
_mine = threading.local()
set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


def _connect() -> Any:
    """As Billhook connects: as durable, and on PostgreSQL in a role that row-level security binds."""
    if not ON_SQLITE:
        connection = psycopg.connect(URL)
        row = connection.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if row and row[0]:
            connection.execute(f"SET ROLE {ROLE}")
        connection.commit()
        return connection
    lite = sqlite3.connect(URL.removeprefix("sqlite:///"), timeout=30, isolation_level=None, cached_statements=512)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384"):
        lite.execute(f"PRAGMA {pragma}")
    return lite


@contextmanager
def transaction(org_id: Any, *, write: bool = False) -> Iterator[Any]:
    """A transaction for one organisation, or for none to find out which; reading is rolled back, as in Billhook."""
    if not hasattr(_mine, "connection"):
        _mine.connection = _connect()
    connection = _mine.connection
    if ON_SQLITE:
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    else:
        connection.execute(
            "SELECT set_config('app.org_id', %s, true), set_config('app.crossing', %s, true)",
            (str(org_id or ""), "" if org_id else "on"),
        )
    try:
        yield connection
    except BaseException:
        connection.rollback()
        raise
    if write:
        connection.commit()
    else:
        connection.rollback()


# What the databases hold differently: SQLite has ids, dates, instants and JSON as text, and 0 or 1 for a flag.
if ON_SQLITE:

    def stored_id(value: UUID) -> Any:
        """An id as it is stored."""
        return value.hex

    def stored_instant(value: datetime) -> Any:
        """An instant as it is stored."""
        return str(value.replace(tzinfo=None))

    def stored_day(value: date) -> Any:
        """A date as it is stored."""
        return value.isoformat()

    def stored_json(value: Any) -> Any:
        """JSON as it is stored."""
        return orjson.dumps(value).decode()

    def shown_id(value: Any) -> Any:
        """An id for orjson."""
        return value and f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"

    def instant(value: Any) -> Any:
        """An instant for orjson."""
        return value and f"{value[:10]}T{value[11:23]}Z"

    def parsed(value: Any) -> Any:
        """A column of JSON."""
        return None if value is None else orjson.loads(value)

else:

    def stored_id(value: UUID) -> Any:
        """An id as it is stored."""
        return value

    def stored_instant(value: datetime) -> Any:
        """An instant as it is stored."""
        return value

    def stored_day(value: date) -> Any:
        """A date as it is stored."""
        return value

    stored_json = Jsonb

    def shown_id(value: Any) -> Any:
        """An id for orjson."""
        return value

    def instant(value: Any) -> Any:
        """An instant for orjson."""
        return value and f"{value.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"

    def parsed(value: Any) -> Any:
        """A column of JSON."""
        return value


def new_id() -> UUID:
    """A UUIDv7."""
    return UUID(int=uuid6.uuid7().int)


def money(cents: int | None) -> str | None:
    """An amount as text."""
    if cents is None:
        return None
    text = f"{abs(cents):03}"
    return f"{'-' if cents < 0 else ''}{text[:-2]}.{text[-2:]}"


def number(scaled: int | None, digits: int = 0) -> str | None:
    """A scaled integer as text: without trailing zeros, with at least so many digits after the point."""
    if scaled is None:
        return None
    whole, rest = divmod(abs(scaled), MICRO)
    places = f"{rest:06}".rstrip("0").ljust(digits, "0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' if places else ''}{places}"


def caller() -> tuple[Any, date]:
    """Whose key this is, and which day it is there."""
    digest = hashlib.sha256(request.headers.get("Authorization", "").removeprefix("Bearer ").encode()).digest()
    org_id, timezone, until = _known.get(digest, (None, "", 0.0))
    if until < time.monotonic():
        with transaction(None) as connection:
            row = connection.execute(FIND_KEY, (digest,)).fetchone() or abort(401)
        key = dict(zip(KEY, row, strict=False))
        if key["revoked_at"] or "*" not in parsed(key["scopes"]):
            abort(403)
        org_id, timezone, now = key["org_id"], row[-1], datetime.now(UTC)
        if key["last_used_at"] is None or key["last_used_at"] < stored_instant(now - LAST_USED_EVERY):
            with transaction(None, write=True) as connection:
                connection.execute(NOTE_USE, (stored_instant(now), org_id, digest))
        _known[digest] = org_id, timezone, time.monotonic() + MEMORY_SECONDS
    return org_id, datetime.now(ZoneInfo(timezone)).date()


def answer(content: Any, status: int = 200) -> Response:
    """Write JSON."""
    return Response(orjson.dumps(content), status, mimetype="application/json")


@app.get("/health")
def health() -> Response:
    """It answers."""
    return answer({"status": "healthy"})


@app.post("/api/v1/invoices")
def create() -> Response:
    """Make a draft of any number of lines; lines without a tax_rate get the customer's taxes, else the default ones."""
    data = json.loads(request.get_data(), parse_float=Decimal)
    org_id, today = caller()
    customer_id = stored_id(UUID(data["customer_id"]))
    with transaction(org_id, write=True) as connection:
        series = _row(SERIES, connection.execute(FIND_SERIES, (org_id,)).fetchone())
        settings = connection.execute(FIND_SETTINGS, (org_id,)).fetchone()
        buyer = _row(CUSTOMER, connection.execute(FIND_CUSTOMER, (org_id, customer_id)).fetchone() or abort(422))
        inherited: list[dict[str, Any]] = []
        if any("tax_rate" not in line for line in data["lines"]):
            inherited = _inherited(connection, org_id, customer_id, stored_day(today))
        invoice, lines = _invoice(data, today, series, _row(SETTINGS, settings), buyer, inherited)
        invoice["org_id"] = org_id
        connection.execute(INSERT_INVOICE, [_json_stored(name, invoice[name]) for name in INVOICE])
        for line in lines:
            line["org_id"], line["invoice_id"] = org_id, invoice["id"]
        rows = [[_json_stored(name, line[name]) for name in LINE] for line in lines]
        connection.cursor().executemany(INSERT_LINE, rows)
    return answer(shown(invoice, party(buyer), seller(settings), lines, stored_day(today)), 201)


def _row(names: Sequence[str], row: Any) -> dict[str, Any]:
    return dict(zip(names, row, strict=False))


def _json_stored(name: str, value: Any) -> Any:
    return stored_json(value) if name in {"charges", "taxes", "withholding", "metadata"} else value


def _inherited(connection: Any, org_id: Any, customer_id: Any, day: Any) -> list[dict[str, Any]]:
    """The customer's taxes, else the default ones: each with the rate in force."""
    own = [
        _row(CUSTOMER_TAX, row)["tax_id"]
        for row in connection.execute(FIND_CUSTOMER_TAXES, (org_id, customer_id)).fetchall()
    ]
    taxes: dict[Any, dict[str, Any]] = {}
    for row in connection.execute(FIND_TAXES, (org_id,)).fetchall():
        tax, rate = _row(TAX, row), _row(RATE, row[len(TAX) :])
        if tax["deleted_at"] is None and (tax["id"] not in taxes or rate["valid_from"] <= day):
            taxes[tax["id"]] = _tax(tax, number(rate["rate"]))
    return [taxes[each] for each in own] or sorted(taxes.values(), key=lambda tax: (tax["order"], tax["tax_id"]))


def _tax(tax: dict[str, Any], rate: str | None) -> dict[str, Any]:
    return {
        "tax_id": str(shown_id(tax["id"])) if tax["id"] else None,
        "name": tax["name"],
        "kind": tax["kind"],
        "category": tax["category"],
        "rate": rate,
        "compound": bool(tax["compound"]),
        "order": tax["position"],
        "exemption_reason": tax["exemption_reason"],
        "exemption_code": tax["exemption_code"],
    }


def _ad_hoc(rate: str) -> dict[str, Any]:
    return {
        "tax_id": None,
        "name": f"VAT {rate} %",
        "kind": "vat",
        "category": "S",
        "rate": rate,
        "compound": False,
        "order": 0,
        "exemption_reason": None,
        "exemption_code": None,
    }


def _lines(given: list[dict[str, Any]], inherited: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Any]]:
    """The lines with their amounts, and the tax groups: each rounded once, its tax shared out among its lines."""
    lines, groups = [], {}
    for position, line in enumerate(given):
        quantity, price = Decimal(line.get("quantity", 1)), Decimal(line["unit_price"])
        base = Decimal(line.get("price_base_quantity", 1))
        net = int((quantity * price / base * 100).quantize(WHOLE, ROUND_HALF_UP))
        taxes = [_ad_hoc(str(line["tax_rate"]))] if "tax_rate" in line else inherited
        made = {
            "id": stored_id(new_id()),
            "position": position,
            "item_id": line.get("item_id"),
            "sku": line.get("sku"),
            "gtin": line.get("gtin"),
            "buyer_item_id": line.get("buyer_item_id"),
            "name": line["name"],
            "description": line.get("description"),
            "quantity": int(quantity * MICRO),
            "unit": line.get("unit"),
            "unit_code": line.get("unit_code"),
            "unit_price": int(price * MICRO),
            "price_base_quantity": int(base * MICRO),
            "discount_type": None,
            "discount_value": None,
            "charges": [],
            "taxes": taxes,
            "period_start": line.get("period_start"),
            "period_end": line.get("period_end"),
            "net": net,
            "tax": 0,
            "gross": net,
        }
        lines.append(made)
        for tax in taxes:
            groups.setdefault((tax["tax_id"], tax["name"], tax["rate"]), (tax, []))[1].append(made)
    return lines, [(tax, *_shared(Decimal(tax["rate"]), members)) for tax, members in groups.values()]


def _shared(rate: Decimal, lines: list[dict[str, Any]]) -> tuple[int, int]:
    """Tax one group. Returns its base and its tax."""
    base = shared = 0
    for line in lines:
        base += line["net"]
        tax = int((base * rate / 100).quantize(WHOLE, ROUND_HALF_UP))
        line["tax"] += tax - shared
        line["gross"] += tax - shared
        shared = tax
    return base, shared


def _invoice(
    data: dict[str, Any], today: date, series: Any, settings: Any, buyer: Any, inherited: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines, groups = _lines(data["lines"], inherited)
    subtotal, tax_total = sum(line["net"] for line in lines), sum(group[2] for group in groups)
    taxes = [{**tax, "base": base, "amount": amount} for tax, base, amount in groups]
    for row in taxes:
        del row["order"]
    terms = data.get("payment_terms") or buyer["payment_terms"] or settings["payment_terms"]
    due, now = today + timedelta(days=int(terms.removeprefix("Net "))), stored_instant(datetime.now(UTC))
    invoice = dict.fromkeys(INVOICE) | {
        "id": stored_id(new_id()),
        "state": "draft",
        "series_id": series["id"],
        "type_code": "380",
        "customer_id": buyer["id"],
        "issue_date": stored_day(today),
        "issue_date_fixed": False,
        "due_date": stored_day(due),
        "due_date_fixed": False,
        "supply_date": data.get("supply_date"),
        "period_start": data.get("period_start"),
        "period_end": data.get("period_end"),
        "payment_terms": terms,
        "currency": data.get("currency") or buyer["currency"] or settings["currency"],
        "base_currency": settings["currency"],
        "exchange_rate": MICRO * 10_000,
        "exchange_rate_source": "same_currency",
        "tax_inclusive": bool(data.get("tax_inclusive", settings["tax_inclusive"])),
        "rounding_mode": settings["rounding"],
        "charges": [],
        "taxes": taxes,
        "withholding": [],
        "subtotal": subtotal,
        "discount_total": 0,
        "charge_total": 0,
        "tax_total": tax_total,
        "total": subtotal + tax_total,
        "withholding_total": 0,
        "rounding": 0,
        "amount_paid": 0,
        "amount_credited": 0,
        "reference": data.get("reference"),
        "po_number": data.get("po_number"),
        "buyer_reference": data.get("buyer_reference"),
        "contract_number": data.get("contract_number"),
        "project_number": data.get("project_number"),
        "language": data.get("language"),
        "notes": data.get("notes", settings["invoice_notes"]),
        "terms": data.get("terms", settings["invoice_terms"]),
        "internal_notes": data.get("internal_notes"),
        "metadata": data.get("metadata", {}),
        "external_id": data.get("external_id"),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    return invoice, lines


@app.get("/api/v1/invoices/<uuid:invoice_id>")
def get(invoice_id: UUID) -> Response:
    """An invoice with its lines and parties."""
    org_id, today = caller()
    identity = stored_id(invoice_id)
    with transaction(org_id) as connection:
        row = connection.execute(FIND_INVOICE, (org_id, identity)).fetchone() or abort(404)
        rows = connection.execute(FIND_LINES, (org_id, identity)).fetchall()
        invoice = _row(INVOICE, row)
        frozen = parsed(invoice["seller_snapshot"])
        if frozen is None:
            frozen = seller(connection.execute(FIND_SETTINGS, (org_id,)).fetchone())
    for name in ("charges", "taxes", "withholding", "metadata"):
        invoice[name] = parsed(invoice[name])
    lines = [_row(LINE, each) for each in rows]
    for line in lines:
        line["charges"], line["taxes"] = parsed(line["charges"]), parsed(line["taxes"])
    buyer = parsed(invoice["customer_snapshot"]) or party(_row(CUSTOMER, row[len(INVOICE) :]))
    return answer(shown(invoice, buyer, frozen, lines, stored_day(today)))


def party(customer: dict[str, Any]) -> dict[str, Any]:
    """The buyer's block."""
    block = {"id": shown_id(customer["id"])} | {name: customer[name] for name in PARTY}
    block["billing_address"], block["shipping_address"] = (
        parsed(customer["billing_address"]),
        parsed(customer["shipping_address"]),
    )
    return block


def seller(settings: Sequence[Any]) -> dict[str, Any]:
    """The organisation's block, from a row of FIND_SETTINGS."""
    name = settings[len(SETTINGS) + ORGANIZATION.index("name")]
    return {"name": name, **parsed(settings[SETTINGS.index("seller")])}


def _status(invoice: dict[str, Any], due: int, today: Any) -> str:
    if invoice["state"] != "issued":
        return str(invoice["state"])
    if due <= 0:
        return "paid"
    if invoice["due_date"] < today:
        return "overdue"
    if invoice["amount_paid"] + invoice["amount_credited"] > 0:
        return "partial"
    return "viewed" if invoice["viewed_at"] else "sent" if invoice["sent_at"] else "issued"


def _payment_status(invoice: dict[str, Any], due: int) -> str:
    if invoice["state"] == "draft":
        return "unpaid"
    if due <= 0:
        return "paid"
    return "partial" if invoice["amount_paid"] + invoice["amount_credited"] > 0 else "unpaid"


def shown(invoice: dict[str, Any], buyer: Any, seller: Any, lines: list[dict[str, Any]], today: Any) -> dict[str, Any]:
    """An invoice as Billhook shows it."""
    due = invoice["total"] - invoice["withholding_total"] + invoice["rounding"]
    due -= invoice["amount_paid"] + invoice["amount_credited"]
    return {
        "id": shown_id(invoice["id"]),
        "number": invoice["number"],
        "series_id": shown_id(invoice["series_id"]),
        "state": invoice["state"],
        "status": _status(invoice, due, today),
        "payment_status": _payment_status(invoice, due),
        "customer_id": shown_id(invoice["customer_id"]),
        "issue_date": invoice["issue_date"],
        "supply_date": invoice["supply_date"],
        "due_date": invoice["due_date"],
        "payment_terms": invoice["payment_terms"],
        "currency": invoice["currency"],
        "tax_inclusive": bool(invoice["tax_inclusive"]),
        "reference": invoice["reference"],
        "po_number": invoice["po_number"],
        "subtotal": money(invoice["subtotal"]),
        "discount_total": money(invoice["discount_total"]),
        "charge_total": money(invoice["charge_total"]),
        "tax_total": money(invoice["tax_total"]),
        "total": money(invoice["total"]),
        "withholding_total": money(invoice["withholding_total"]),
        "rounding": money(invoice["rounding"]),
        "amount_paid": money(invoice["amount_paid"]),
        "amount_credited": money(invoice["amount_credited"]),
        "amount_due": money(due),
        "base_currency": invoice["base_currency"],
        "base_total": money(invoice["base_total"]),
        "issued_at": instant(invoice["issued_at"]),
        "sent_at": instant(invoice["sent_at"]),
        "viewed_at": instant(invoice["viewed_at"]),
        "paid_at": instant(invoice["paid_at"]),
        "voided_at": instant(invoice["voided_at"]),
        "created_at": instant(invoice["created_at"]),
        "updated_at": instant(invoice["updated_at"]),
        "version": invoice["version"],
        "metadata": invoice["metadata"],
        "external_id": invoice["external_id"],
        "type_code": invoice["type_code"],
        "customer": buyer,
        "seller": seller,
        "period_start": invoice["period_start"],
        "period_end": invoice["period_end"],
        "exchange_rate": number(invoice["exchange_rate"] and invoice["exchange_rate"] // 10_000),
        "exchange_rate_date": invoice["exchange_rate_date"],
        "exchange_rate_source": invoice["exchange_rate_source"],
        "discount": None,
        "charges": invoice["charges"],
        "lines": [_line_shown(line) for line in lines],
        "taxes": [_group_shown(row) for row in invoice["taxes"]],
        "withholding": [_group_shown(row) for row in invoice["withholding"]],
        "buyer_reference": invoice["buyer_reference"],
        "contract_number": invoice["contract_number"],
        "project_number": invoice["project_number"],
        "language": invoice["language"],
        "notes": invoice["notes"],
        "terms": invoice["terms"],
        "internal_notes": invoice["internal_notes"],
        "source": None,
        "warnings": [],
    }


def _line_shown(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": shown_id(line["id"]),
        "item_id": shown_id(line["item_id"]),
        "sku": line["sku"],
        "gtin": line["gtin"],
        "buyer_item_id": line["buyer_item_id"],
        "name": line["name"],
        "description": line["description"],
        "quantity": number(line["quantity"]),
        "unit": line["unit"],
        "unit_code": line["unit_code"],
        "unit_price": number(line["unit_price"], 2),
        "price_base_quantity": number(line["price_base_quantity"]),
        "discount": None,
        "charges": line["charges"],
        "tax_ids": [tax["tax_id"] for tax in line["taxes"] if tax["tax_id"]],
        "taxes": [
            {
                "tax_id": tax["tax_id"],
                "name": tax["name"],
                "kind": tax["kind"],
                "category": tax["category"],
                "rate": tax["rate"],
            }
            for tax in line["taxes"]
        ],
        "period_start": line["period_start"],
        "period_end": line["period_end"],
        "net": money(line["net"]),
        "tax": money(line["tax"]),
        "gross": money(line["gross"]),
    }


def _group_shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "tax_id": row["tax_id"],
        "name": row["name"],
        "kind": row["kind"],
        "category": row["category"],
        "rate": row["rate"],
        "compound": row["compound"],
        "base": money(row["base"]),
        "amount": money(row["amount"]),
        "exemption_reason": row["exemption_reason"],
        "exemption_code": row["exemption_code"],
    }


@app.get("/api/v1/invoices")
def page() -> Response:
    """The newest invoices and how many there are; or, with `cursor`, the first page of a walk."""
    org_id, today = caller()
    limit, walk = int(request.args["limit"]), "cursor" in request.args
    with transaction(org_id) as connection:
        total = None if walk else connection.execute(COUNT, (org_id,)).fetchone()[0]
        rows = connection.execute(PAGE, (stored_day(today), org_id, limit + walk, 0)).fetchall()
    more = len(rows) > limit if walk else total > limit
    rows = rows[:limit]
    onward = _cursor(str(shown_id(rows[-1][0]))) if more else None
    last = None if walk else max(1, -(-total // limit))
    meta = {
        "current_page": None if walk else 1,
        "last_page": last,
        "per_page": limit,
        "from": None if walk else 1,
        "to": None if walk else len(rows),
        "total": total,
        "next_cursor": onward,
    }
    links = {
        "first": _link(limit, cursor="") if walk else _link(limit, page=1),
        "prev": None,
        "next": (_link(limit, cursor=onward) if walk else _link(limit, page=2)) if more else None,
        "last": _link(limit, page=last) if last else None,
    }
    return answer({"data": [_listed(*row) for row in rows], "links": links, "meta": meta})


def _cursor(last: str) -> str:
    """The place behind a row, signed."""
    text = base64.urlsafe_b64encode(orjson.dumps(["-created_at", last, last]))
    return f"{text.decode()}.{base64.urlsafe_b64encode(hmac.digest(SECRET, text, 'sha1')).decode()}"


def _link(limit: int, **rest: Any) -> str:
    return f"{request.host_url.rstrip('/')}{request.path}?{urlencode({'limit': limit, **rest})}"


def _listed(*row: Any) -> dict[str, Any]:
    """A row of PAGE as Billhook shows it."""
    (
        identity, invoice_number, series_id, state, customer_id, issue_date, supply_date, due_date, terms, currency,
        inclusive, reference, po_number, subtotal, discount, charge, tax, total, withholding, rounding, paid, credited,
        base_currency, base_total, issued_at, sent_at, viewed_at, paid_at, voided_at, created_at, updated_at, version,
        metadata, external_id, due, status, payment_status, name, email,
    ) = row  # fmt: skip
    customer = shown_id(customer_id)
    return {
        "id": shown_id(identity),
        "number": invoice_number,
        "series_id": shown_id(series_id),
        "state": state,
        "status": status,
        "payment_status": payment_status,
        "customer_id": customer,
        "issue_date": issue_date,
        "supply_date": supply_date,
        "due_date": due_date,
        "payment_terms": terms,
        "currency": currency,
        "tax_inclusive": bool(inclusive),
        "reference": reference,
        "po_number": po_number,
        "subtotal": money(subtotal),
        "discount_total": money(discount),
        "charge_total": money(charge),
        "tax_total": money(tax),
        "total": money(total),
        "withholding_total": money(withholding),
        "rounding": money(rounding),
        "amount_paid": money(paid),
        "amount_credited": money(credited),
        "amount_due": money(due),
        "base_currency": base_currency,
        "base_total": money(base_total),
        "issued_at": instant(issued_at),
        "sent_at": instant(sent_at),
        "viewed_at": instant(viewed_at),
        "paid_at": instant(paid_at),
        "voided_at": instant(voided_at),
        "created_at": instant(created_at),
        "updated_at": instant(updated_at),
        "version": version,
        "metadata": parsed(metadata),
        "external_id": external_id,
        "customer": {"id": customer, "name": name, "email": email},
    }
