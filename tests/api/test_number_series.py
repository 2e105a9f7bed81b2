"""/number-series: patterns, resets, who gives the number, which series is the default, and the proof of the whole."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine

from app.data.tenancy import organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.numbering.models import Number, NumberCounter
from app.numbering.service import SHIPPED
from tests.support.client import assert_refused

UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"


@pytest.fixture
def make_series(client):
    def make(**fields):
        response = client.post("/number-series", {"name": "Export", "pattern": "EX-{seq:03}", **fields})
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    return make


@pytest.fixture
def issue(client, make_invoice):
    """Issue a fresh draft; answers its number."""

    def issue(day="2026-05-15", **fields):
        draft = make_invoice(issue_date=day, due_date="2999-01-01", **fields)
        response = client.post(f"/invoices/{draft['id']}/issue")
        assert response.status_code == 200, response.get_json()
        return response.get_json()["number"]

    return issue


def audit(client, series_id, **query):
    return client.get(f"/number-series/{series_id}/audit", query_string=query).get_json()


def default_of(client, kind="invoice"):
    [series] = [each for each in client.get(f"/number-series?kind={kind}").get_json()["data"] if each["is_default"]]
    return series


def preview(client, series_id=None):
    query = {"series_id": series_id} if series_id else {}
    return client.get("/invoices/next-number", query_string=query).get_json()["number"]


class TestSeries:
    """Making and changing series."""

    def test_a_new_organisation_has_one_default_of_each_kind(self, client):
        found = {each["kind"]: each for each in client.get("/number-series").get_json()["data"]}
        assert {kind: (each["name"], each["pattern"]) for kind, each in found.items()} == SHIPPED
        assert all(each["is_default"] and each["first"] == 1 and each["reset"] == "never" for each in found.values())

    def test_every_field_makes_the_round_trip(self, client):
        body = {
            "kind": "quote",
            "name": "Angebote",
            "pattern": "AN-{yyyy}{mm}-{seq:09}",
            "reset": "monthly",
            "assign": "on_create",
            "manual": False,
            "is_default": True,
            "first": 100,
            "metadata": {"k": "v"},
            "external_id": "S-1",
        }
        assert set(body) == set(client.documented.document["components"]["schemas"]["SeriesIn"]["properties"])
        response = client.post("/number-series", body)
        made = response.get_json()
        assert {name: made[name] for name in body} == body
        assert client.get(response.headers["Location"]).get_json() == made

    @pytest.mark.parametrize(
        "pattern",
        ["INV-{seq:03}", "{seq}", "{yyyy}/{seq:05}", "{yy}{mm}-{seq:09}", "A b.c_d/e#f-{seq:01}", "{seq} {yyyy}"],
    )
    def test_patterns_that_are_good(self, make_series, pattern):
        assert make_series(pattern=pattern)["pattern"] == pattern

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"pattern": "INV"}, "pattern"),
            ({"pattern": "{seq}{seq}"}, "pattern"),
            ({"pattern": "{seq:3}"}, "pattern"),
            ({"pattern": "{seq:00}"}, "pattern"),
            ({"pattern": "{seq:010}"}, "pattern"),
            ({"pattern": "{year}-{seq}"}, "pattern"),
            ({"pattern": "{seq}ü"}, "pattern"),
            ({"pattern": "{seq}}"}, "pattern"),
            ({"pattern": "{{seq}}"}, "pattern"),
            ({"pattern": "{seq}\n"}, "pattern"),
            ({"pattern": ""}, "pattern"),
            ({"pattern": "x" * 56 + "{seq}"}, "pattern"),
            ({"pattern": "{0.__class__}{seq}"}, "pattern"),
            ({"pattern": "=cmd({seq})"}, "pattern"),
            ({"pattern": "{seq}", "reset": "yearly"}, "pattern"),
            ({"pattern": "{yyyy}-{seq}", "reset": "monthly"}, "pattern"),
            ({"pattern": "{mm}-{seq}", "reset": "monthly"}, "pattern"),
            ({"reset": "daily"}, "reset"),
            ({"assign": "later"}, "assign"),
            ({"kind": "receipt"}, "kind"),
            ({"first": -1}, "first"),
            ({"first": 10**9}, "first"),
            ({"first": "1"}, "first"),
            ({"first": 1.5}, "first"),
            ({"name": ""}, "name"),
            ({"manual": 1}, "manual"),
            ({"next": 5}, "next"),
        ],
    )
    def test_bad_values(self, client, make_series, change, field):
        total = client.get("/number-series").get_json()["meta"]["total"]
        assert_refused(
            client.post("/number-series", {"name": "x", "pattern": "{seq}", **change}),
            422,
            "validation_error",
            field=field,
        )
        assert client.get("/number-series").get_json()["meta"]["total"] == total

    def test_name_and_pattern_stand_once_per_kind(self, client, stranger, make_series):
        series = make_series()
        assert_refused(
            client.post("/number-series", {"name": "Export", "pattern": "Y-{seq}"}), 409, "conflict", field="name"
        )
        assert_refused(
            client.post("/number-series", {"name": "Other", "pattern": "EX-{seq:03}"}), 409, "conflict", field="pattern"
        )
        assert_refused(
            client.patch(f"/number-series/{series['id']}", {"name": "Invoices"}), 409, "conflict", field="name"
        )
        assert_refused(
            client.patch(f"/number-series/{series['id']}", {"pattern": "INV-{seq:04}"}),
            409,
            "conflict",
            field="pattern",
        )
        assert (
            client.patch(f"/number-series/{series['id']}", {"name": "Export", "pattern": "EX-{seq:03}"}).status_code
            == 200
        )
        assert (
            client.post("/number-series", {"kind": "quote", "name": "Export", "pattern": "EX-{seq:03}"}).status_code
            == 201
        )
        assert stranger.post("/number-series", {"name": "Export", "pattern": "EX-{seq:03}"}).status_code == 201

    def test_there_is_always_exactly_one_default(self, client, make_series):
        first = default_of(client)
        second = make_series(is_default=True)
        assert default_of(client)["id"] == second["id"]
        third = make_series(name="Third", pattern="T-{seq}")
        assert client.patch(f"/number-series/{third['id']}", {"is_default": True}).get_json()["is_default"] is True
        assert default_of(client)["id"] == third["id"]
        assert_refused(
            client.patch(f"/number-series/{third['id']}", {"is_default": False}), 409, "conflict", field="is_default"
        )
        assert client.patch(f"/number-series/{first['id']}", {"is_default": False}).status_code == 200
        assert client.patch(f"/number-series/{third['id']}", {"is_default": True}).status_code == 200
        assert default_of(client)["id"] == third["id"]
        assert default_of(client, "quote")["name"] == "Quotes"

    def test_an_unknown_one_is_a_404_and_a_422_in_a_body(self, client, customer):
        for method, path in (("GET", ""), ("PATCH", ""), ("GET", "/audit")):
            assert_refused(client.open(method, f"/number-series/{UNKNOWN}{path}", json={}), 404, "not_found")
        quotes = default_of(client, "quote")["id"]
        for series_id in (UNKNOWN, quotes):
            body = {"customer_id": customer["id"], "series_id": series_id, "lines": [{"name": "x", "unit_price": 1}]}
            assert_refused(client.post("/invoices", body), 422, "validation_error", field="series_id")
            assert_refused(
                client.get(f"/invoices/next-number?series_id={series_id}"), 422, "validation_error", field="series_id"
            )


class TestNumbers:
    """What the pattern and the reset make of it."""

    def test_one_after_the_other_in_the_default_series(self, client, issue):
        assert preview(client) == "INV-0001"
        assert [issue() for _ in range(3)] == ["INV-0001", "INV-0002", "INV-0003"]
        assert preview(client) == preview(client) == "INV-0004"

    def test_each_series_counts_for_itself_from_its_first(self, client, make_series, issue):
        export = make_series(first=98)["id"]
        zero = make_series(name="Zero", pattern="Z{seq:02}", first=0)["id"]
        assert [issue(series_id=export) for _ in range(3)] == ["EX-098", "EX-099", "EX-100"]
        assert [issue(series_id=zero) for _ in range(2)] == ["Z00", "Z01"]
        assert issue() == "INV-0001"

    def test_a_number_wider_than_its_pattern_grows(self, make_series, issue):
        big = make_series(pattern="{seq:02}", first=999_999_999)["id"]
        assert [issue(series_id=big) for _ in range(2)] == ["999999999", "1000000000"]

    def test_yearly(self, make_series, issue):
        yearly = make_series(pattern="{yyyy}/{seq:02}", reset="yearly")["id"]
        days = ["2026-12-31", "2027-01-01", "2026-01-01", "2027-05-05"]
        assert [issue(day, series_id=yearly) for day in days] == ["2026/01", "2027/01", "2026/02", "2027/02"]

    def test_monthly(self, make_series, issue):
        monthly = make_series(pattern="{yy}{mm}-{seq}", reset="monthly")["id"]
        days = ["2026-01-31", "2026-02-01", "2026-01-01", "2027-01-15"]
        assert [issue(day, series_id=monthly) for day in days] == ["2601-1", "2602-1", "2601-2", "2701-1"]

    def test_the_year_of_a_series_that_never_restarts_is_decoration(self, make_series, issue):
        series = make_series(pattern="{yyyy}-{seq}")["id"]
        assert [issue(day, series_id=series) for day in ("2026-12-31", "2027-01-01")] == ["2026-1", "2027-2"]

    def test_the_day_is_the_organisations(self, make_client):
        tokyo = make_client(timezone="Asia/Tokyo")
        series = tokyo.post("/number-series", {"name": "y", "pattern": "{yyyy}-{seq}", "reset": "yearly"}).get_json()[
            "id"
        ]
        with time_machine.travel(datetime(2026, 12, 31, 15, 30, tzinfo=UTC)):
            assert tokyo.get(f"/invoices/next-number?series_id={series}").get_json()["number"] == "2027-1"

    def test_a_draft_has_none_and_a_failed_issue_burns_none(self, client, make_invoice, issue):
        draft = make_invoice(lines=[{"name": "x", "quantity": -1, "unit_price": 1}])
        assert draft["number"] is None
        assert_refused(client.post(f"/invoices/{draft['id']}/issue"), 422, "validation_error")
        assert issue() == "INV-0001"

    def test_where_counting_starts_is_fixed_by_the_first_number(self, client, make_series, issue):
        series = make_series(pattern="{yyyy}{mm}-{seq}")["id"]
        assert client.patch(f"/number-series/{series}", {"first": 7, "reset": "yearly"}).status_code == 200
        assert issue(series_id=series) == "202605-7"
        for change, field in (({"first": 8}, "first"), ({"reset": "monthly"}, "reset")):
            assert_refused(client.patch(f"/number-series/{series}", change), 409, "conflict", field=field)
        assert (
            client.patch(f"/number-series/{series}", {"first": 7, "reset": "yearly", "name": "Renamed"}).status_code
            == 200
        )
        assert_refused(
            client.patch(f"/number-series/{series}", {"pattern": "{seq}"}), 422, "validation_error", field="pattern"
        )

    def test_a_new_pattern_counts_on_and_never_repeats_a_number(self, client, make_series, issue, make_invoice):
        series = make_series(pattern="A{seq}")["id"]
        assert issue(series_id=series) == "A1"
        client.patch(f"/number-series/{series}", {"pattern": "B{seq}"})
        assert issue(series_id=series) == "B2"
        _take_by_hand(client, series, "C3")
        client.patch(f"/number-series/{series}", {"pattern": "C{seq}"})
        draft = make_invoice(series_id=series)
        assert_refused(client.post(f"/invoices/{draft['id']}/issue"), 409, "conflict", field="number")
        client.patch(f"/number-series/{series}", {"pattern": "D{seq}"})
        assert client.post(f"/invoices/{draft['id']}/issue").get_json()["number"] == "D3"


def _take_by_hand(client, series_id, number):
    with client.app.app_context(), organization(client.org_id, "UTC"), unit_of_work():
        row = {
            "org_id": client.org_id,
            "series_id": UUID(series_id),
            "period": "",
            "number": number,
            "document_id": UUID(UNKNOWN),
            "assigned_at": datetime.now(UTC),
        }
        db.session.add(Number(**row))


class TestManual:
    """The caller gives the numbers."""

    def test_a_number_is_needed_to_issue_and_taken_as_it_is(self, client, make_series, make_invoice):
        series = make_series(manual=True)["id"]
        draft = make_invoice(series_id=series)
        assert draft["number"] is None
        assert_refused(client.post(f"/invoices/{draft['id']}/issue"), 422, "validation_error", field="number")
        named = client.patch(f"/invoices/{draft['id']}", {"number": "2026/ACME-1"})
        assert named.get_json()["number"] == "2026/ACME-1"
        assert client.post(f"/invoices/{draft['id']}/issue").get_json()["number"] == "2026/ACME-1"
        assert preview(client, series) is None

    def test_a_number_stands_once_in_its_series(self, client, make_series, make_invoice, customer):
        series = make_series(manual=True)["id"]
        other = make_series(name="Second", pattern="S-{seq}", manual=True)["id"]
        make_invoice(series_id=series, number="N-1")
        body = {
            "customer_id": customer["id"],
            "series_id": series,
            "number": "N-1",
            "lines": [{"name": "x", "unit_price": 1}],
        }
        assert_refused(client.post("/invoices", body), 409, "conflict", field="number")
        assert client.post("/invoices", {**body, "series_id": other}).status_code == 201
        second = make_invoice(series_id=series, number="N-2")
        assert_refused(client.patch(f"/invoices/{second['id']}", {"number": "N-1"}), 409, "conflict", field="number")

    def test_deleting_the_draft_frees_its_number(self, client, make_series, make_invoice):
        series = make_series(manual=True)["id"]
        draft = make_invoice(series_id=series, number="N-1")
        assert client.delete(f"/invoices/{draft['id']}").status_code == 204
        assert make_invoice(series_id=series, number="N-1")["number"] == "N-1"
        assert audit(client, series)["complete"] is True

    def test_renumbering_a_draft_frees_the_old_one(self, client, make_series, make_invoice):
        series = make_series(manual=True)["id"]
        draft = make_invoice(series_id=series, number="N-1")
        client.patch(f"/invoices/{draft['id']}", {"number": "N-2"})
        assert make_invoice(series_id=series, number="N-1")["number"] == "N-1"

    def test_an_automatic_series_takes_none(self, client, customer):
        body = {"customer_id": customer["id"], "number": "X-1", "lines": [{"name": "x", "unit_price": 1}]}
        assert_refused(client.post("/invoices", body), 422, "validation_error", field="number")

    @pytest.mark.parametrize("bad", ["", " ", " x", "x ", "x" * 81, "a\nb", "a\x00b", 5])
    def test_odd_numbers(self, client, make_series, customer, bad):
        series = make_series(manual=True)["id"]
        body = {
            "customer_id": customer["id"],
            "series_id": series,
            "number": bad,
            "lines": [{"name": "x", "unit_price": 1}],
        }
        assert_refused(client.post("/invoices", body), 422, "validation_error", field="number")


class TestOnCreate:
    """Series that give a draft its number."""

    def test_a_draft_has_its_number_and_keeps_it_when_issued(self, client, make_series, make_invoice):
        series = make_series(assign="on_create")["id"]
        drafts = [make_invoice(series_id=series) for _ in range(2)]
        assert [draft["number"] for draft in drafts] == ["EX-001", "EX-002"]
        assert client.post(f"/invoices/{drafts[1]['id']}/issue").get_json()["number"] == "EX-002"

    def test_the_number_of_a_deleted_draft_is_handed_out_again_first(self, client, make_series, make_invoice):
        series = make_series(assign="on_create")["id"]
        drafts = [make_invoice(series_id=series) for _ in range(4)]
        for draft in (drafts[2], drafts[1]):
            assert client.delete(f"/invoices/{draft['id']}").status_code == 204
        found = audit(client, series)
        assert (found["complete"], found["released"], found["missing"]) == (True, ["EX-002", "EX-003"], [])
        assert preview(client, series) == "EX-002"
        assert [make_invoice(series_id=series)["number"] for _ in range(3)] == ["EX-002", "EX-003", "EX-005"]
        assert audit(client, series)["released"] == []

    def test_a_refused_draft_burns_none(self, client, make_series, make_invoice, customer):
        series = make_series(assign="on_create")["id"]
        body = {
            "customer_id": customer["id"],
            "series_id": series,
            "lines": [{"name": "x", "unit_price": 1, "tax_ids": [UNKNOWN]}],
        }
        assert_refused(client.post("/invoices", body), 422, "validation_error")
        assert make_invoice(series_id=series)["number"] == "EX-001"


class TestAudit:
    """The proof, and that it sees what is wrong."""

    def test_every_number_with_its_document(self, client, issue):
        numbers = [issue() for _ in range(3)]
        found = audit(client, default_of(client)["id"])
        assert (found["complete"], found["numbers"]) == (True, 3)
        assert [entry["number"] for entry in found["data"]] == numbers
        assert {entry["document_state"] for entry in found["data"]} == {"issued"}
        assert [entry["sequence"] for entry in found["data"]] == [1, 2, 3]
        assert all(
            client.get(f"/invoices/{entry['document_id']}").get_json()["number"] == entry["number"]
            for entry in found["data"]
        )
        assert found["series"]["id"] == default_of(client)["id"]

    def test_it_is_paged_and_still_speaks_of_the_whole(self, client, issue):
        for _ in range(5):
            issue()
        series = default_of(client)["id"]
        second = audit(client, series, limit=2, page=2)
        assert [entry["number"] for entry in second["data"]] == ["INV-0003", "INV-0004"]
        assert (second["numbers"], second["meta"]["total"], second["complete"]) == (5, 5, True)
        walked = audit(client, series, limit=2, cursor="", sort="number")
        assert [entry["number"] for entry in walked["data"]] == ["INV-0001", "INV-0002"]
        assert walked["meta"]["next_cursor"]

    def test_an_empty_series_is_complete(self, client, make_series):
        found = audit(client, make_series()["id"])
        assert (found["complete"], found["numbers"], found["data"]) == (True, 0, [])

    def test_it_names_what_was_skipped(self, client, make_series, issue):
        series = make_series(pattern="{yyyy}-{seq}", reset="yearly", first=3)["id"]
        issue("2026-01-01", series_id=series)
        self._shift(client, series, "2026", 8)
        issue("2026-01-01", series_id=series)
        issue("2027-01-01", series_id=series)
        found = audit(client, series)
        assert (found["complete"], found["missing"]) == (False, ["2026#4", "2026#5", "2026#6", "2026#7"])

    def test_it_names_a_first_number_that_is_missing_and_at_most_a_hundred(self, client, make_series, issue):
        series = make_series(pattern="{yyyy}-{seq}", reset="yearly")["id"]
        issue("2026-01-01", series_id=series)
        self._shift(client, series, "2026", 5000)
        issue("2026-01-01", series_id=series)
        found = audit(client, series)
        assert (found["complete"], len(found["missing"]), found["missing"][0]) == (False, 100, "2026#2")

    def test_it_names_a_number_whose_document_is_gone(self, client, issue):
        issue()
        _take_by_hand(client, default_of(client)["id"], "INV-9999")
        found = audit(client, default_of(client)["id"])
        assert (found["complete"], found["without_document"]) == (False, ["INV-9999"])

    def test_it_names_a_document_that_the_ledger_does_not_know(self, client, issue):
        issue()
        number = issue()
        with client.app.app_context(), organization(client.org_id, "UTC"), unit_of_work():
            db.session.execute(sa.delete(Number).where(Number.number == number))
        found = audit(client, default_of(client)["id"])
        assert (found["complete"], found["without_document"]) == (False, [number])

    @staticmethod
    def _shift(client, series_id, period, to):
        with client.app.app_context(), organization(client.org_id, "UTC"), unit_of_work():
            counter = sa.and_(NumberCounter.series_id == UUID(series_id), NumberCounter.period == period)
            assert db.session.execute(sa.update(NumberCounter).where(counter).values(next=to)).rowcount == 1
