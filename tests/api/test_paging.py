"""Lists: the walk by page and the walk by cursor see each row exactly once, whatever the sort, and links lead on."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from itsdangerous import URLSafeSerializer

from tests.architecture.operations import World
from tests.support.client import assert_refused

# Every list with all its sort words: columns of text, decimals, numbers, dates, instants and ids, with equal keys.
SORTED = {
    "/units": ["name", "created_at"],
    "/payment-methods": ["name", "created_at"],
    "/taxes": ["order", "name", "created_at"],
    "/number-series": ["name", "created_at"],
    "/api-keys": ["name", "created_at"],
    "/items": ["price", "sku", "name", "updated_at", "created_at"],
    "/customers": ["name", "updated_at", "created_at"],
    "/events": ["seq", "created_at"],
    "/audit-log": ["created_at", "seq"],
    "/webhooks": ["url", "created_at"],
    "/communications": ["created_at", "updated_at"],
    "/invoices": ["issue_date", "due_date", "total", "number", "updated_at", "created_at"],
}


@pytest.fixture(scope="module")
def seven(app, documented):
    """A caller whose lists hold at least seven rows each, most of them equal in everything that is sorted by."""
    import uuid  # noqa: PLC0415 - beside its only use

    from app.accounts import service as accounts  # noqa: PLC0415
    from app.data.tenancy import crossing  # noqa: PLC0415
    from app.data.transaction import unit_of_work  # noqa: PLC0415
    from tests.support.client import ApiClient  # noqa: PLC0415

    with app.app_context(), crossing("a test makes its organisation"), unit_of_work():
        owner = accounts.create_user(f"owner-{uuid.uuid4().hex}@example.com", "Owner")
        made = accounts.create_organization("Seven GmbH", "enterprise", owner, {})
        caller = ApiClient(app, documented, made.secret, made.organization.id)
    customer = caller.post("/customers", {"name": "Same"}).get_json()["id"]
    for n in range(7):
        bodies = {
            "/units": {"name": f"unit {n}"},
            "/payment-methods": {"name": f"method {n}"},
            "/taxes": {"name": "same", "rate": 19, "order": n // 3},
            "/number-series": {"name": f"series {n}", "pattern": f"S{n}-{{seq}}"},
            "/api-keys": {"name": "same", "scopes": ["items:read"]},
            "/items": {"name": "same", "price": f"{n // 3}.5"} | ({"sku": f"S-{n}"} if n % 2 else {}),
            "/customers": {"name": "Same"},
            "/webhooks": {"url": "https://example.com/same", "events": ["*"]},
            "/invoices": {
                "customer_id": customer,
                "issue_date": f"2026-01-0{1 + n // 3}",
                "lines": [{"name": "x", "unit_price": n // 3}],
            },
        }
        for path, body in bodies.items():
            answer = caller.post(path, body)
            assert answer.status_code == 201, answer.get_json()
        issued = answer.get_json()["id"]
        caller.post(f"/invoices/{issued}/issue")
        assert caller.post(f"/invoices/{issued}/send", {"to": ["same@example.com"]}).status_code == 202
    return caller


def ids(page):
    return [row["id"] for row in page["data"]]


def walk_pages(caller, path, **query):
    found, page = [], caller.get(path, query_string=query).get_json()
    while True:
        found += ids(page)
        if page["links"]["next"] is None:
            return found, page
        page = caller.get(page["links"]["next"]).get_json()


def walk_cursor(caller, path, **query):
    found, page = [], caller.get(path, query_string=query | {"cursor": ""}).get_json()
    while True:
        found += ids(page)
        if page["meta"]["next_cursor"] is None:
            assert page["links"]["next"] is None
            return found
        assert page["meta"]["next_cursor"] in page["links"]["next"]
        page = caller.get(page["links"]["next"]).get_json()


@pytest.mark.parametrize("path", SORTED)
def test_both_walks_see_each_row_once_in_the_same_order(seven, path):
    total = seven.get(path).get_json()["meta"]["total"]
    assert total >= 7
    for word in SORTED[path]:
        for sort in (word, f"-{word}"):
            pages, _ = walk_pages(seven, path, sort=sort, limit=2)
            cursors = walk_cursor(seven, path, sort=sort, limit=2)
            assert pages == cursors, sort
            assert len(pages) == len(set(pages)) == total, sort
            assert walk_cursor(seven, path, sort=sort, limit=100) == pages, sort
        assert (
            walk_pages(seven, path, sort=word, limit=3)[0] == walk_pages(seven, path, sort=f"-{word}", limit=3)[0][::-1]
        ), word


def test_every_sort_word_of_every_list_is_tried_above(seven):
    for path, words in SORTED.items():
        refusal = seven.get(f"{path}?sort=nonsense")
        text = assert_refused(refusal, 422, "validation_error", field="sort")["details"]["fields"]["sort"][0]
        known = text.removeprefix("Must be one of: ").partition(";")[0].split(", ")
        assert set(known) == set(words), path


def test_every_list_of_the_document_is_walked_above(seven):
    lists = {each.path.removeprefix("/api/v1") for each in World(seven).operations if each.name.startswith("list_")}
    # The list of one thing's own is the list of all, narrowed.
    assert {path for path in lists if "{" not in path} == set(SORTED)


def test_rows_that_come_and_go_during_a_walk_by_cursor_shift_nothing(client):
    made = [client.post("/units", {"name": f"m{n:02}"}).get_json() for n in range(6)]
    first = client.get("/units?limit=2&sort=name&cursor=").get_json()
    client.post("/units", {"name": "a, which sorts before all"})
    client.delete(f"/units/{made[0]['id']}")
    client.delete(f"/units/{made[1]['id']}")
    rest = walk_from(client, first)
    assert [unit["name"] for unit in first["data"]] == ["m00", "m01"]
    assert rest == ["m02", "m03", "m04", "m05"]


def walk_from(client, page):
    found = []
    while page["links"]["next"]:
        page = client.get(page["links"]["next"]).get_json()
        found += [row["name"] for row in page["data"]]
    return found


class TestMeta:
    """The figures around a page."""

    @pytest.fixture
    def five(self, client):
        for n in range(5):
            assert client.post("/units", {"name": f"u{n}"}).status_code == 201
        return client

    def test_first_middle_and_last_page(self, five):
        figures = {}
        for page in (1, 2, 3):
            body = five.get(f"/units?limit=2&page={page}").get_json()
            meta = body["meta"]
            figures[page] = (
                meta["current_page"],
                meta["last_page"],
                meta["per_page"],
                meta["from"],
                meta["to"],
                meta["total"],
            )
            assert [bool(body["links"][name]) for name in ("first", "prev", "next", "last")] == [
                True,
                page > 1,
                page < 3,
                True,
            ]
        assert figures == {1: (1, 3, 2, 1, 2, 5), 2: (2, 3, 2, 3, 4, 5), 3: (3, 3, 2, 5, 5, 5)}

    def test_a_page_beyond_the_end_is_empty_and_leads_back(self, five):
        for page in (4, 1_000_000):
            body = five.get(f"/units?limit=2&page={page}").get_json()
            assert body["data"] == []
            assert (body["meta"]["from"], body["meta"]["to"], body["meta"]["total"]) == (None, None, 5)
            assert body["links"]["next"] is None
            assert ids(five.get(body["links"]["prev"]).get_json()) != []
        assert_refused(five.get("/units?page=1000001"), 422, "validation_error", field="page")

    def test_an_empty_list_has_one_page(self, client):
        body = client.get("/units").get_json()
        assert body["data"] == []
        assert (body["meta"]["last_page"], body["meta"]["total"], body["meta"]["next_cursor"]) == (1, 0, None)
        cursor = client.get("/units?cursor=").get_json()
        assert (cursor["data"], cursor["meta"]["next_cursor"], cursor["meta"]["total"]) == ([], None, None)

    def test_limit_is_25_unless_asked_and_per_page_is_its_other_name(self, five):
        assert five.get("/units").get_json()["meta"]["per_page"] == 25
        assert five.get("/units?limit=3").get_json()["meta"]["per_page"] == 3
        assert five.get("/units?per_page=3").get_json()["meta"]["per_page"] == 3
        assert five.get("/units?limit=4&per_page=3").get_json()["meta"]["per_page"] == 4
        assert five.get("/units?limit=100").status_code == 200
        for bad in ("0", "101", "-1", "x", ""):
            assert_refused(five.get(f"/units?limit={bad}"), 422, "validation_error", field="limit")
            assert_refused(five.get(f"/units?per_page={bad}"), 422, "validation_error", field="per_page")

    def test_a_page_of_exactly_all_rows_has_no_next(self, five):
        body = five.get("/units?limit=5").get_json()
        assert (body["links"]["next"], body["meta"]["next_cursor"], body["meta"]["last_page"]) == (None, None, 1)
        assert five.get("/units?limit=5&cursor=").get_json()["meta"]["next_cursor"] is None

    def test_from_a_page_one_may_go_on_by_cursor(self, five):
        page = five.get("/units?limit=2&page=1").get_json()
        onward = five.get(f"/units?limit=2&cursor={page['meta']['next_cursor']}").get_json()
        assert ids(onward) == ids(five.get("/units?limit=2&page=2").get_json())

    def test_links_keep_the_question(self, five):
        body = five.get("/units?limit=2&sort=-name&search=u").get_json()
        query = parse_qs(urlsplit(body["links"]["next"]).query)
        assert query == {"limit": ["2"], "sort": ["-name"], "search": ["u"], "page": ["2"]}
        assert body["links"]["next"].startswith("http://localhost/api/v1/units?")

    def test_links_survive_the_longest_question(self, client):
        words = "🧾" * 200
        client.post("/items", {"name": words, "price": 1})
        client.post("/items", {"name": words, "price": 1})
        body = client.get("/items", query_string={"search": words, "limit": 1, "sort": "name"}).get_json()
        assert client.get(body["links"]["next"]).get_json()["meta"]["from"] == 2
        onward = client.get(
            "/items", query_string={"search": words, "limit": 1, "sort": "name", "cursor": ""}
        ).get_json()
        assert len(client.get(onward["links"]["next"]).get_json()["data"]) == 1

    def test_search_takes_wildcards_as_letters(self, client):
        for name in ("100 %", "a_b", "axb", "back\\slash", "o'neil"):
            client.post("/units", {"name": name})
        for word, expected in (
            ("%", ["100 %"]),
            ("_", ["a_b"]),
            ("\\", ["back\\slash"]),
            ("'", ["o'neil"]),
            ("AX", ["axb"]),
        ):
            assert [
                unit["name"] for unit in client.get("/units", query_string={"search": word}).get_json()["data"]
            ] == expected


class TestCursors:
    """A cursor that is not ours, or is somebody's attempt at one, is a 422 on `cursor`."""

    @pytest.fixture
    def cursor(self, seven):
        return seven.get("/items?limit=2&sort=price&cursor=").get_json()["meta"]["next_cursor"]

    @staticmethod
    def encoded(*values):
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    ID = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"

    @pytest.mark.parametrize(
        "made",
        [
            "x",
            "====",
            "....",
            "é",
            "null",
            "W10",
            encoded("price"),
            encoded("price", "1", ID),
            encoded("price", "1e400", ID),
            encoded("price", "NaN", ID),
            encoded("price", "0.00000001", ID),
            encoded("price", 5, ID),
            encoded("price", None, None),
            encoded("price", "1", "x"),
            encoded("price", "9" * 100, ID),
            encoded("price", ["1"], ID),
            encoded("price", "\ud800", ID),
            encoded({"price": 1}),
            base64.urlsafe_b64encode(b"\xff" * 60).decode(),
            base64.urlsafe_b64encode(b"[" * 400).decode(),
            "x" * 1500,
        ],
    )
    def test_junk(self, seven, made):
        for path in (
            "/items?sort=price",
            "/items",
            "/invoices?sort=issue_date",
            "/invoices?sort=updated_at",
            "/taxes?sort=order",
        ):
            joint = "&" if "?" in path else "?"
            assert_refused(seven.get(f"{path}{joint}cursor={made}"), 422, "validation_error", field="cursor")

    def test_one_character_changed(self, seven, cursor):
        for place in range(0, len(cursor), 5):
            changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
            assert_refused(seven.get(f"/items?sort=price&cursor={changed}"), 422, "validation_error", field="cursor")

    def test_of_another_sort(self, seven, cursor):
        for sort in ("-price", "name", "sku", "updated_at"):
            assert_refused(seven.get(f"/items?sort={sort}&cursor={cursor}"), 422, "validation_error", field="cursor")
        assert_refused(seven.get(f"/items?cursor={cursor}"), 422, "validation_error", field="cursor")

    def test_of_another_list(self, seven):
        for path in ("/items", "/units", "/customers"):
            own = seven.get(f"{path}?limit=2&sort=name&cursor=").get_json()["meta"]["next_cursor"]
            for other in {"/items", "/units", "/customers"} - {path}:
                assert_refused(seven.get(f"{other}?sort=name&cursor={own}"), 422, "validation_error", field="cursor")

    def test_made_with_another_secret(self, seven):
        forged = URLSafeSerializer("guess" * 10, salt="cursor of items").dumps(["price", "1", self.ID])
        assert_refused(seven.get(f"/items?sort=price&cursor={forged}"), 422, "validation_error", field="cursor")

    def test_ours_still_works_with_another_limit_and_filter(self, seven, cursor):
        assert seven.get(f"/items?sort=price&limit=100&cursor={cursor}").status_code == 200
        assert seven.get(f"/items?sort=price&search=same&cursor={cursor}").status_code == 200

    def test_an_unknown_sort_is_named_with_the_known_ones(self, seven):
        for bad in ("nonsense", "-", "--name", "name,price", "Name", "org_id", "name desc"):
            error = assert_refused(
                seven.get("/items", query_string={"sort": bad}), 422, "validation_error", field="sort"
            )
            assert "name" in error["details"]["fields"]["sort"][0]
