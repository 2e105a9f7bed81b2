"""`flask check` finds planted damage: each kind by its rule and with the offending id, on both databases."""

import pytest


def found_after(home, table, change, row_id):
    """What the check finds after a change: {(rule, id)}."""
    home.change(table, change, row_id)
    return found_in(home)


def found_in(home):
    """What the check finds: {(rule, id)}; its exit code must say so."""
    code, answer = home.check()
    assert code == 1
    assert answer["ok"] is False
    return {(finding["rule"], finding["id"]) for finding in answer["findings"]}


def both(rules, row_id):
    return {(rule, str(row_id)) for rule in rules}


def test_nothing_is_wrong_with_the_demo_data(demo):
    code, answer = demo.check()
    looked = {"organizations": 1, "invoices": 8, "numbers": 6, "events": 39}
    assert answer == {"ok": True, "checked": looked, "findings": []}
    assert code == 0


def test_a_changed_line(demo, rows):
    found = found_after(demo, "invoice_lines", "net = net + 1", rows.line)
    assert found == both(["line_parts", "sum_of_parts", "computed_totals", "content_hash"], rows.second)


def test_a_changed_total(demo, rows):
    found = found_after(demo, "invoices", "total = total + 1", rows.first)
    assert found == both(["sum_of_parts", "computed_totals", "content_hash"], rows.first)


def test_a_draft_whose_quantity_does_not_give_its_totals(demo, rows):
    found = found_after(demo, "invoice_lines", "quantity = quantity * 2", rows.draft_line)
    assert found == both(["computed_totals"], rows.draft)


def test_a_changed_number(demo, rows):
    found = found_after(demo, "invoices", "number = 'INV-9999'", rows.first)
    assert found == both(["number_not_in_ledger", "number_without_document", "content_hash"], rows.first)


def test_a_deleted_number(demo, rows):
    demo.delete("numbers", rows.numbers[rows.second])
    assert found_in(demo) == both(["number_not_in_ledger"], rows.second) | both(["number_missing"], rows.series)


def test_the_last_number_deleted(demo, rows):
    demo.delete("numbers", rows.numbers[rows.last])
    assert found_in(demo) == both(["number_not_in_ledger"], rows.last) | both(["counter"], rows.series)


def test_a_counter_that_ran_ahead(demo, rows):
    found = found_after(demo, "number_counters", "next = next + 1", rows.counter)
    assert found == both(["counter"], rows.series)


def test_a_number_on_a_draft(demo, rows):
    found = found_after(demo, "invoices", "number = 'INV-0099'", rows.draft)
    assert found == both(["draft_number", "number_not_in_ledger"], rows.draft)


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("""customer_snapshot = '{"name": "Somebody else"}'""", ["content_hash"]),
        ("""seller_snapshot = '{"name": "Somebody else"}'""", ["content_hash"]),
        ("notes = 'Pay somebody else'", ["content_hash"]),
        ("taxes = '[]', tax_total = 0, total = subtotal", ["computed_totals", "base_total", "content_hash"]),
        ("issued_at = NULL", ["state", "content_hash", "one_event"]),
        ("seller_snapshot = NULL", ["state", "content_hash"]),
        ("content_hash = NULL", ["state", "content_hash"]),
        ("deleted_at = created_at", ["state", "number_without_document", "one_event"]),
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
def test_other_damage_to_an_issued_invoice(demo, rows, change, rules):
    found = found_after(demo, "invoices", change, rows.first)
    assert found == both(rules, rows.first)


def test_an_organisation_without_settings(demo, rows):
    demo.delete("settings", rows.settings)
    code, answer = demo.check()
    assert code == 1
    assert [finding["rule"] for finding in answer["findings"]] == ["settings"]


def test_one_organisation_alone_and_as_text(demo, rows):
    other = demo.made("org", "create", "Healthy")["organization_id"]
    demo.change("invoices", "total = total + 1", rows.first)
    assert demo.check("--org", other)[0] == 0
    done = demo.flask("check", "--org", "Demo Studio GmbH")
    assert done.returncode == 1
    assert done.stderr == ""
    sentence = "total is 3046.41 EUR; its parts add up to 3046.40 EUR."
    assert f"WRONG  invoice {rows.first}  [sum_of_parts]  {sentence}" in done.stdout
    assert done.stdout.endswith("3 wrong. Checked organisations: 1, invoices: 8, numbers: 6, events: 39.\n")


def test_a_log_that_was_shortened(demo, rows):
    found = found_after(demo, "event_streams", f"hash = '{'0' * 64}'", rows.stream)
    assert found == both(["event_chain"], rows.stream)


def test_an_invoice_that_nobody_is_told_of(demo, rows):
    assert found_after(demo, "invoices", "deleted_at = updated_at", rows.draft) == both(["one_event"], rows.draft)
