"""/taxes: what a tax charges over time, which categories go with which rates, and what happens to taxes in use."""

import json
from datetime import UTC, datetime

import pytest
import time_machine

from tests.support.client import assert_refused

UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def make_tax(client):
    def make(**fields):
        response = client.post("/taxes", {"name": "VAT", "rate": "19", **fields})
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    return make


def literal(client, text):
    """POST /taxes with the rate written exactly so."""
    return client.open("POST", "/taxes", data=f'{{"name": "VAT", "rate": {text}}}', content_type="application/json")


class TestRateIsExact:
    """From the bytes of the body to the bytes of the answer, and never through a float."""

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("0.1", "0.1"),
            ("19", "19"),
            ("19.0", "19"),
            ('"19.000000"', "19"),
            ("19.123456", "19.123456"),
            ('"19.123456"', "19.123456"),
            ("1.1e1", "11"),
            ("1E+1", "10"),
            ("100", "100"),
            ("1e2", "100"),
            ("0.000001", "0.000001"),
            ("1e-6", "0.000001"),
            ("19." + "1" + "0" * 500, "19.1"),
            ("7.7000000000000", "7.7"),
            ("0.30000000000000000000", "0.3"),
            ("99.999999", "99.999999"),
        ],
    )
    def test_what_is_sent_is_what_is_kept(self, client, sent, kept):
        made = literal(client, sent)
        assert made.status_code == 201, made.get_json()
        body = made.get_json()
        assert body["rate"] == kept
        assert body["rates"][0]["rate"] == kept
        assert client.get(f"/taxes/{body['id']}").get_json() == body

    @pytest.mark.parametrize(
        "sent",
        [
            "1e400",
            "-1e400",
            "1e-400",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "9" * 10_000,
            "-" + "9" * 10_000,
            "0.1234567",
            "1e-7",
            "100.000001",
            "-0.000001",
            "-1",
            '"1e2"',
            '"1E1"',
            '"NaN"',
            '"Infinity"',
            '"-Infinity"',
            '"0x10"',
            '"1_000"',
            '"1,5"',
            '" 19"',
            '"19 "',
            '"+19"',
            '""',
            '"."',
            '"1."',
            '".5"',
            '"١٩"',
            "true",
            "false",
            "[]",
            "[19]",
            "{}",
            '{"rate": 19}',
            "3" + "0" * 30,
            "0." + "0" * 500 + "1",
        ],
    )
    def test_what_does_not_fit_is_refused_by_name(self, client, sent):
        assert_refused(literal(client, sent), 422, "validation_error", field="rate")
        assert client.get("/taxes").get_json()["meta"]["total"] == 0

    @pytest.mark.parametrize(
        "zero", ["-0", "0", "0.0", "-0.0", "0e10", '"-0"', '"-0.000000"', "0.0000000000", "-0e-400"]
    )
    def test_there_is_one_zero(self, client, zero):
        body = literal(client, zero).get_json()
        assert (body["rate"], body["category"]) == ("0", "Z")

    @pytest.mark.parametrize(
        "nonsense", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x1", "1_0", "", "١"]
    )
    def test_what_is_no_number_of_json_is_a_400(self, client, nonsense):
        assert_refused(literal(client, nonsense), 400, "bad_request")


class TestCategories:
    """EN 16931: category, rate and reason go together."""

    @pytest.mark.parametrize(
        ("given", "category"),
        [
            ({"rate": 19}, "S"),
            ({"rate": 0}, "Z"),
            ({"rate": 0, "exemption_reason": "Export"}, "E"),
            ({"rate": 0, "kind": "exempt", "exemption_reason": "§ 4"}, "E"),
            ({"rate": 0, "category": "AE", "exemption_reason": "Reverse charge"}, "AE"),
            ({"rate": 0, "category": "K", "exemption_reason": "x"}, "K"),
            ({"rate": 0, "category": "G", "exemption_reason": "x"}, "G"),
            ({"rate": None, "category": "O", "exemption_reason": "x"}, "O"),
            ({"category": "O", "exemption_reason": "x"}, "O"),
            ({"rate": 8, "kind": "sales"}, "S"),
            ({"rate": 20, "kind": "withholding"}, "S"),
        ],
    )
    def test_a_sound_tax(self, client, given, category):
        body = {"name": "x", **given}
        made = client.post("/taxes", body)
        assert made.status_code == 201, made.get_json()
        assert made.get_json()["category"] == category

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({}, "rate"),
            ({"rate": None}, "rate"),
            ({"rate": 0, "category": "S"}, "category"),
            ({"rate": 19, "category": "Z"}, "rate"),
            ({"rate": 19, "category": "E", "exemption_reason": "x"}, "rate"),
            ({"rate": 0, "category": "E"}, "exemption_reason"),
            ({"rate": 0, "category": "AE"}, "exemption_reason"),
            ({"rate": 0, "category": "O", "exemption_reason": "x"}, "rate"),
            ({"category": "O"}, "exemption_reason"),
            ({"rate": 5, "kind": "exempt"}, "rate"),
            ({"rate": 19, "kind": "planet"}, "kind"),
            ({"rate": 19, "category": "X"}, "category"),
            ({"rate": 19, "category": "s"}, "category"),
            ({"rate": 0, "kind": "exempt"}, "exemption_reason"),
            ({"rate": 10, "kind": "withholding", "compound": True}, "compound"),
            ({"rate": 19, "order": 101}, "order"),
            ({"rate": 19, "order": -1}, "order"),
            ({"rate": 19, "valid_from": "2026-02-30"}, "valid_from"),
            ({"rate": 19, "rates": []}, "rates"),
            ({"rate": 19, "name": " "}, "name"),
        ],
    )
    def test_an_unsound_one_is_refused_by_name(self, client, given, field):
        assert_refused(client.post("/taxes", {"name": "x", **given}), 422, "validation_error", field=field)
        assert client.get("/taxes").get_json()["meta"]["total"] == 0

    def test_a_change_keeps_the_rules(self, client, make_tax):
        exempt = make_tax(rate=0, category="E", exemption_reason="Export")
        zero = make_tax(rate=0)
        outside = make_tax(rate=None, category="O", exemption_reason="Outside")
        for tax, change, field in (
            (exempt, {"exemption_reason": None}, "exemption_reason"),
            (exempt, {"rate": 7}, "rate"),
            (zero, {"rate": 7}, "rate"),
            (outside, {"rate": 0}, "rate"),
            (make_tax(), {"rate": 0}, "category"),
            (zero, {"rate": None}, "rate"),
            (zero, {"kind": "sales"}, "kind"),
            (zero, {"category": "S"}, "category"),
            (zero, {"compound": True}, "compound"),
            (zero, {"valid_from": "2030-01-01"}, "valid_from"),
        ):
            before = client.get(f"/taxes/{tax['id']}").get_json()
            assert_refused(client.patch(f"/taxes/{tax['id']}", change), 422, "validation_error", field=field)
            assert client.get(f"/taxes/{tax['id']}").get_json() == before


class TestHistory:
    """A rate is never edited: a new one follows it."""

    def test_a_new_rate_follows_the_old_one_today(self, client, make_tax):
        with time_machine.travel(NOON):
            tax = make_tax()
            changed = client.patch(f"/taxes/{tax['id']}", {"rate": "20"}).get_json()
            assert changed["rate"] == "20"
            assert changed["rates"] == [
                {"rate": "19", "valid_from": "1900-01-01"},
                {"rate": "20", "valid_from": "2026-06-15"},
            ]
            assert client.get(f"/taxes/{tax['id']}").get_json()["rates"] == changed["rates"]
            assert changed["updated_at"] > tax["updated_at"]

    def test_or_on_a_day_to_come(self, client, make_tax):
        with time_machine.travel(NOON):
            tax = make_tax()
            changed = client.patch(f"/taxes/{tax['id']}", {"rate": "20", "valid_from": "2026-07-01"}).get_json()
            assert changed["rate"] == "19"
        with time_machine.travel(datetime(2026, 6, 30, 23, 59, tzinfo=UTC)):
            assert client.get(f"/taxes/{tax['id']}").get_json()["rate"] == "19"
        with time_machine.travel(datetime(2026, 7, 1, 0, 1, tzinfo=UTC)):
            assert client.get(f"/taxes/{tax['id']}").get_json()["rate"] == "20"

    def test_today_is_the_organisations(self, make_client):
        tokyo = make_client(timezone="Asia/Tokyo")
        with time_machine.travel(datetime(2026, 6, 30, 16, 0, tzinfo=UTC)):
            tax = tokyo.post("/taxes", {"name": "x", "rate": 19}).get_json()
            changed = tokyo.patch(f"/taxes/{tax['id']}", {"rate": 20}).get_json()
        assert changed["rates"][1]["valid_from"] == "2026-07-01"

    def test_nothing_is_put_before_the_newest_rate(self, client, make_tax):
        with time_machine.travel(NOON):
            tax = make_tax(valid_from="2026-01-01")
            client.patch(f"/taxes/{tax['id']}", {"rate": "20", "valid_from": "2026-07-01"})
            for day in ("2026-07-01", "2026-06-30", "2025-01-01", "1900-01-01"):
                error = assert_refused(
                    client.patch(f"/taxes/{tax['id']}", {"rate": "21", "valid_from": day}),
                    409,
                    "conflict",
                    field="valid_from",
                )
                assert "2026-07-01" in error["details"]["fields"]["valid_from"][0]
            assert [rate["rate"] for rate in client.get(f"/taxes/{tax['id']}").get_json()["rates"]] == ["19", "20"]

    def test_the_rate_in_force_again_changes_nothing(self, client, make_tax):
        tax = make_tax()
        assert client.patch(f"/taxes/{tax['id']}", {"rate": "19.0"}).get_json()["rates"] == tax["rates"]

    def test_before_its_first_day_a_tax_charges_its_first_rate(self, client, make_tax):
        with time_machine.travel(NOON):
            tax = make_tax(valid_from="2027-01-01")
        assert (tax["rate"], tax["rates"]) == ("19", [{"rate": "19", "valid_from": "2027-01-01"}])

    def test_an_invoice_takes_the_rate_of_its_day(self, client, customer, make_tax):
        with time_machine.travel(NOON):
            tax = make_tax()
            client.patch(f"/taxes/{tax['id']}", {"rate": "20", "valid_from": "2026-07-01"})
            line = {"name": "x", "unit_price": "100", "tax_ids": [tax["id"]]}
            for day, total in (("2026-06-30", "119.00"), ("2026-07-01", "120.00"), ("2020-01-01", "119.00")):
                body = {"customer_id": customer["id"], "issue_date": day, "lines": [line]}
                assert client.post("/invoices", body).get_json()["total"] == total


class TestList:
    """What stands in the list, and in which order."""

    def test_by_order_then_by_age(self, client, make_tax):
        for name, order in (("c", 2), ("a", 1), ("b", 1)):
            make_tax(name=name, order=order)
        assert [tax["name"] for tax in client.get("/taxes").get_json()["data"]] == ["a", "b", "c"]
        assert [tax["name"] for tax in client.get("/taxes?sort=-name").get_json()["data"]] == ["c", "b", "a"]

    def test_filtered_by_kind_and_words(self, client, make_tax):
        make_tax(name="Umsatzsteuer")
        make_tax(name="IRPF", kind="withholding", rate=15)
        assert [tax["name"] for tax in client.get("/taxes?kind=withholding").get_json()["data"]] == ["IRPF"]
        assert [tax["name"] for tax in client.get("/taxes?search=UMSATZ").get_json()["data"]] == ["Umsatzsteuer"]

    def test_its_statements_do_not_grow_with_the_list(self, client, make_tax):
        for n in range(3):
            make_tax(name=f"t{n}")
        assert len(client.get("/taxes").get_json()["data"]) == 3


class TestDefaultsAndDeletion:
    """Default taxes apply to lines that name none; a deleted tax goes on standing on what carries it."""

    def test_default_taxes_apply_in_order_until_they_are_none(self, client, customer, make_tax):
        first = make_tax(name="Federal", rate=5, is_default=True, order=0, kind="sales")
        make_tax(name="Province", rate=8, is_default=True, order=1, kind="sales", compound=True)
        body = {"customer_id": customer["id"], "lines": [{"name": "x", "unit_price": "100"}]}
        invoice = client.post("/invoices", body).get_json()
        assert [(tax["name"], tax["amount"]) for tax in invoice["taxes"]] == [("Federal", "5.00"), ("Province", "8.40")]
        client.patch(f"/taxes/{first['id']}", {"is_default": False})
        assert [tax["name"] for tax in client.post("/invoices", body).get_json()["taxes"]] == ["Province"]
        none = client.post(
            "/invoices", {**body, "lines": [{"name": "x", "unit_price": "100", "tax_ids": []}]}
        ).get_json()
        assert none["taxes"] == [] and none["total"] == "100.00"

    def test_a_deleted_tax_is_gone_from_here_and_stays_there(self, client, customer, make_tax):
        tax = make_tax(is_default=True, external_id="T-1")
        line = {"name": "x", "unit_price": "100", "tax_ids": [tax["id"]]}
        invoice = client.post("/invoices", {"customer_id": customer["id"], "lines": [line]}).get_json()
        item = client.post("/items", {"name": "x", "price": 1, "tax_ids": [tax["id"]]}).get_json()
        assert client.delete(f"/taxes/{tax['id']}").status_code == 204
        for method in ("GET", "PATCH", "DELETE"):
            assert_refused(client.open(method, f"/taxes/{tax['id']}", json={}), 404, "not_found")
        assert client.get("/taxes").get_json()["data"] == []
        kept = client.get(f"/invoices/{invoice['id']}").get_json()
        assert (kept["total"], kept["taxes"][0]["name"]) == ("119.00", "VAT")
        assert client.get(f"/items/{item['id']}").get_json()["tax_ids"] == [tax["id"]]
        refused = client.post("/invoices", {"customer_id": customer["id"], "lines": [line]})
        assert_refused(refused, 422, "validation_error", field="lines.0.tax_ids")
        bare = client.post(
            "/invoices", {"customer_id": customer["id"], "lines": [{"name": "x", "unit_price": "100"}]}
        ).get_json()
        assert bare["taxes"] == []
        assert make_tax(external_id="T-1")["external_id"] == "T-1"

    def test_an_external_id_is_unique_among_the_living(self, client, stranger, make_tax):
        make_tax(external_id="T-1")
        other = make_tax()
        assert_refused(
            client.post("/taxes", {"name": "x", "rate": 1, "external_id": "T-1"}), 409, "conflict", field="external_id"
        )
        assert_refused(
            client.patch(f"/taxes/{other['id']}", {"external_id": "T-1"}), 409, "conflict", field="external_id"
        )
        assert client.patch(f"/taxes/{other['id']}", {"external_id": "T-2"}).status_code == 200
        assert client.patch(f"/taxes/{other['id']}", {"external_id": None}).get_json()["external_id"] is None
        assert stranger.post("/taxes", {"name": "x", "rate": 1, "external_id": "T-1"}).status_code == 201

    def test_labels_make_the_round_trip(self, client, make_tax):
        labels = {"crm": "4711", "note": "a\nb", "ключ": "🧾"}
        tax = make_tax(metadata=labels)
        assert tax["metadata"] == labels
        assert client.patch(f"/taxes/{tax['id']}", {"metadata": {}}).get_json()["metadata"] == {}

    def test_an_unknown_one_is_a_404(self, client):
        for method in ("GET", "PATCH", "DELETE"):
            assert_refused(client.open(method, f"/taxes/{UNKNOWN}", json={}), 404, "not_found")


def test_every_field_makes_the_round_trip(client):
    body = {
        "name": "Überseesteuer",
        "rate": "7.7",
        "kind": "sales",
        "category": "S",
        "compound": True,
        "order": 3,
        "is_default": True,
        "exemption_reason": "none",
        "exemption_code": "VATEX",
        "valid_from": "2026-01-01",
        "metadata": {"a": "b"},
        "external_id": "E",
    }
    assert set(body) == set(client.documented.document["components"]["schemas"]["TaxIn"]["properties"])
    made = client.post("/taxes", body).get_json()
    assert {name: made[name] for name in body if name != "valid_from"} == {
        name: value for name, value in body.items() if name != "valid_from"
    }
    assert made["rates"] == [{"rate": "7.7", "valid_from": "2026-01-01"}]
    assert json.loads(json.dumps(made)) == made
