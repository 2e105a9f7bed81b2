"""`flask check` finds planted damage: each kind by its rule and with the offending id, on both databases."""

import pytest
import sqlalchemy as sa

from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.invoices.models import Invoice, InvoiceLine
from app.numbering.models import Number, NumberSeries


class Rows:
    """Ids out of the demo data."""

    def __init__(self, home):
        with home.app(), crossing("a test looks around"), unit_of_work(write=False):
            issued = db.session.scalars(sa.select(Invoice.id).where(Invoice.state == "issued").order_by(Invoice.id))
            self.first, self.second, *_, self.last = issued
            self.draft = db.session.scalars(sa.select(Invoice.id).where(Invoice.state == "draft")).first()
            self.line = db.session.scalars(
                sa.select(InvoiceLine.id).where(InvoiceLine.invoice_id == self.second)
            ).first()
            series = db.session.scalars(sa.select(NumberSeries).where(NumberSeries.kind == "invoice")).one()
            self.series = series.id
            numbers = sa.select(Number.document_id, Number.id)
            self.numbers = dict(db.session.execute(numbers).tuples().all())


def found_after(home, statement):
    """What the check finds: {(rule, id)}; its exit code must say so."""
    home.execute(statement)
    code, answer = home.check()
    assert code == 1
    assert answer["ok"] is False
    return {(finding["rule"], finding["id"]) for finding in answer["findings"]}


def both(rules, row_id):
    return {(rule, str(row_id)) for rule in rules}


def test_nothing_is_wrong_with_the_demo_data(demo):
    code, answer = demo.check()
    assert answer == {"ok": True, "checked": {"organizations": 1, "invoices": 8, "numbers": 6}, "findings": []}
    assert code == 0


def test_a_changed_line(demo):
    rows = Rows(demo)
    found = found_after(demo, f"UPDATE invoice_lines SET net = net + 1 WHERE id = {demo.literal(rows.line)}")
    assert found == both(["line_parts", "sum_of_parts", "computed_totals", "content_hash"], rows.second)


def test_a_changed_total(demo):
    rows = Rows(demo)
    found = found_after(demo, f"UPDATE invoices SET total = total + 1 WHERE id = {demo.literal(rows.first)}")
    assert found == both(["sum_of_parts", "computed_totals", "content_hash"], rows.first)


def test_a_draft_whose_quantity_does_not_give_its_totals(demo):
    rows = Rows(demo)
    change = "UPDATE invoice_lines SET quantity = quantity * 2 WHERE position = 0 AND invoice_id = "
    found = found_after(demo, change + demo.literal(rows.draft))
    assert found == both(["computed_totals"], rows.draft)


def test_a_changed_tax_row(demo):
    rows = Rows(demo)
    # Base and tax changed alike: the parts still add up, but they are not what the lines give.
    found = found_after(demo, f"UPDATE invoices SET taxes = '[]', tax_total = 0 WHERE id = {demo.literal(rows.first)}")
    assert both(["computed_totals", "content_hash"], rows.first) <= found


def test_a_changed_number(demo):
    rows = Rows(demo)
    found = found_after(demo, f"UPDATE invoices SET number = 'INV-9999' WHERE id = {demo.literal(rows.first)}")
    assert found == both(["number_not_in_ledger", "number_without_document", "content_hash"], rows.first)


def test_a_deleted_number(demo):
    rows = Rows(demo)
    found = found_after(demo, f"DELETE FROM numbers WHERE id = {demo.literal(rows.numbers[rows.second])}")
    assert found == both(["number_not_in_ledger"], rows.second) | both(["number_missing"], rows.series)


def test_the_last_number_deleted(demo):
    rows = Rows(demo)
    found = found_after(demo, f"DELETE FROM numbers WHERE id = {demo.literal(rows.numbers[rows.last])}")
    assert found == both(["number_not_in_ledger"], rows.last) | both(["counter"], rows.series)


def test_a_counter_that_ran_ahead(demo):
    rows = Rows(demo)
    found = found_after(demo, "UPDATE number_counters SET next = next + 1")
    assert found == both(["counter"], rows.series)


def test_a_number_on_a_draft(demo):
    rows = Rows(demo)
    found = found_after(demo, f"UPDATE invoices SET number = 'INV-0099' WHERE id = {demo.literal(rows.draft)}")
    assert found == both(["draft_number", "number_not_in_ledger"], rows.draft)


@pytest.mark.parametrize("column", ["customer_snapshot", "seller_snapshot"])
def test_an_altered_snapshot(demo, column):
    rows = Rows(demo)
    change = f"""UPDATE invoices SET {column} = '{{"name": "Somebody else"}}' WHERE id = """
    assert found_after(demo, change + demo.literal(rows.last)) == both(["content_hash"], rows.last)


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("notes = 'Pay somebody else'", ["content_hash"]),
        ("issued_at = NULL", ["state", "content_hash"]),
        ("seller_snapshot = NULL", ["state", "content_hash"]),
        ("content_hash = NULL", ["state", "content_hash"]),
        ("deleted_at = created_at", ["state", "number_without_document"]),
        ("state = 'void'", ["state"]),
        ("amount_paid = total + 1", ["settlement"]),
        ("amount_credited = total + 1", ["settlement"]),
        ("paid_at = created_at", ["settlement"]),
        ("base_total = base_total + 1", ["base_total", "content_hash"]),
        ("currency = 'XXQ'", ["currency", "content_hash"]),
        ("currency = 'JPY'", ["computed_totals", "base_total", "content_hash"]),
        ("charges = '[{}]'", ["computed_totals", "content_hash"]),
    ],
)
def test_other_damage_to_an_issued_invoice(demo, change, rules):
    rows = Rows(demo)
    found = found_after(demo, f"UPDATE invoices SET {change} WHERE id = {demo.literal(rows.first)}")
    assert found == both(rules, rows.first)


def test_an_organisation_without_settings(demo):
    demo.execute("DELETE FROM settings")
    code, answer = demo.check()
    assert code == 1
    assert [finding["rule"] for finding in answer["findings"]] == ["settings"]


def test_one_organisation_alone_and_as_text(demo):
    rows = Rows(demo)
    other = demo.made("org", "create", "Healthy")["organization_id"]
    demo.execute(f"UPDATE invoices SET total = total + 1 WHERE id = {demo.literal(rows.first)}")
    assert demo.check("--org", other)[0] == 0
    done = demo.flask("check", "--org", "Demo Studio GmbH")
    assert done.returncode == 1
    assert done.stderr == ""
    assert (
        f"invoice {rows.first}  [sum_of_parts]  total is 3046.41 EUR; its parts add up to 3046.40 EUR." in done.stdout
    )
    assert done.stdout.endswith("3 wrong. Checked organisations: 1, invoices: 8, numbers: 6.\n")
