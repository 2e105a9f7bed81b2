"""What every change of /openapi.json understands: it can be tried, repeated and tied to what was seen. New operations
are found by themselves."""

import uuid
from collections.abc import Iterator

import pytest

from tests.architecture.operations import Operation, World, raw
from tests.architecture.rows import rows_of
from tests.support.client import ApiClient, assert_refused

# Operations whose work is no row: their answer is all there is.
STORES_NOTHING = {"calculate_totals", "create_invoice_pdf"}
KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Content-Disposition")


def changes(world: World) -> Iterator[Operation]:
    """Every guarded operation that is no GET."""
    found = [each for each in world.operations if each.writes and each.raw["security"]]
    assert len(found) >= 25
    yield from found


def options_of(world: World, operation: Operation) -> dict:
    return raw(world.full_body(operation)) if operation.body else {}


def test_every_change_can_be_tried_and_stores_nothing_then(client: ApiClient):
    world = World(client)
    for operation in changes(world):
        url, options = world.url(operation, world.fresh(operation)), options_of(world, operation)
        before = rows_of(client.app, client.org_id)
        key = {"Idempotency-Key": uuid.uuid4().hex}
        tried = client.open(operation.method, f"{url}?dry_run=true", headers=key, **options)
        assert tried.status_code < 300, f"{operation.name}: {tried.get_json()}"
        assert tried.headers["Dry-Run"] == "true", operation.name
        assert rows_of(client.app, client.org_id) == before, operation.name

        done = client.open(operation.method, f"{url}?dry_run=false", headers=key, **options)
        assert done.status_code == tried.status_code, f"{operation.name}: {done.get_json()}"
        assert "Dry-Run" not in done.headers and "Idempotent-Replayed" not in done.headers
        assert said(done) == said(tried), operation.name
        after = rows_of(client.app, client.org_id)
        changed = {table for table in after if after[table] != before[table]}
        assert changed - {"idempotency_keys"} or operation.name in STORES_NOTHING, operation.name


NEW = {
    "id", "created_at", "updated_at", "issued_at", "revoked_at", "expires_at", "next_attempt_at", "last_used_at",
    "rates", "key", "secret", "prefix", "last_four", "url", "token", "message_id", "event_id", "previous_secret_until",
}  # fmt: skip


def said(answer) -> object:
    """What an answer says, but for what is new in every one: ids, instants, secrets, links."""
    body = answer.get_json(silent=True) or {}
    kept = {name: value for name, value in body.items() if name not in NEW}
    if "lines" in body:
        kept["lines"] = [line | {"id": None} for line in body["lines"]]
    return kept


def test_every_change_is_done_once_under_one_key_and_answers_the_same_bytes(client: ApiClient):
    world = World(client)
    for operation in changes(world):
        url, options = world.url(operation, world.fresh(operation)), options_of(world, operation)
        key = {"Idempotency-Key": f"sweep {operation.name}"}
        first = client.open(operation.method, url, headers=key, **options)
        assert first.status_code < 300, f"{operation.name}: {first.get_json()}"
        assert "Idempotent-Replayed" not in first.headers
        after = rows_of(client.app, client.org_id)
        assert len(after["idempotency_keys"]) > 0
        again = client.open(operation.method, url, headers=key, **options)
        assert (again.status_code, again.data) == (first.status_code, first.data), operation.name
        assert [again.headers.get(name) for name in KEPT_HEADERS] == [first.headers.get(name) for name in KEPT_HEADERS]
        assert again.headers["Idempotent-Replayed"] == "true", operation.name
        assert rows_of(client.app, client.org_id) == after, operation.name
        other = client.post("/units", {"name": "other"}, headers=key)
        assert_refused(other, 422, "validation_error", field="Idempotency-Key")


def test_every_change_of_a_row_is_refused_with_a_stale_tag_and_done_with_the_present_one(client: ApiClient):
    world = World(client)
    seen = 0
    for operation in changes(world):
        if "If-Match" not in operation.headers:
            assert operation.method == "POST" and not operation.parameters, operation.name
            continue
        row_id = world.fresh(operation)
        url, options = world.url(operation, row_id), options_of(world, operation)
        row = url.partition(row_id)[0] + row_id if row_id else url
        # A thing that is only listed (a delivery) has no tag: it can be asked to be there.
        shown = client.get(row)
        present = shown.headers["ETag"] if shown.status_code == 200 else '"none"'
        before = rows_of(client.app, client.org_id)
        for stale in ('"0123"', f"W/{present}", f'"a", W/{present}, "b"', '""'):
            refused = client.open(operation.method, url, headers={"If-Match": stale}, **options)
            assert_refused(refused, 412, "precondition_failed")
        for malformed in ("", "0123", present.strip('"'), f"{present} {present}", f"{present},", f"*, {present}"):
            refused = client.open(operation.method, url, headers={"If-Match": malformed}, **options)
            assert_refused(refused, 422, "validation_error", field="If-Match")
        assert rows_of(client.app, client.org_id) == before, operation.name

        fitting = f'"x" , {present}' if shown.status_code == 200 else "*"
        done = client.open(operation.method, url, headers={"If-Match": fitting}, **options)
        assert done.status_code < 300, f"{operation.name}: {done.get_json()}"
        if "ETag" in done.headers:
            assert done.headers["ETag"] != present, f"{operation.name} changed the row and not its tag"
            assert client.get(row).headers["ETag"] == done.headers["ETag"], operation.name
        seen += 1
    assert seen >= 18


def test_a_star_matches_what_is_there_and_nothing_else(client: ApiClient):
    world = World(client)
    for operation in changes(world):
        if "If-Match" not in operation.headers:
            continue
        options = options_of(world, operation)
        url = world.url(operation, world.fresh(operation))
        assert client.open(operation.method, url, headers={"If-Match": "*"}, **options).status_code < 300
        if operation.parameters:
            nobody = client.open(
                operation.method, world.url(operation, str(uuid.uuid4())), headers={"If-Match": "*"}, **options
            )
            assert_refused(nobody, 404, "not_found")


BAD_HEADERS = [
    ("Idempotency-Key", ""),
    ("Idempotency-Key", "x" * 256),
    ("Idempotency-Key", "tab\there"),
    ("Idempotency-Key", "caf\xe9"),
    ("Idempotency-Key", "\x7f"),
    ("Billhook-Reason", "x" * 501),
    ("Billhook-Reason", "bell\x07"),
    ("Billhook-Reason", "\x85"),
    ("If-Match", "x"),
]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_header_that_cannot_be_understood_stops_every_change_before_it_starts(client: ApiClient):
    world = World(client)
    for operation in changes(world):
        url, options = world.url(operation, world.fresh(operation)), options_of(world, operation)
        before = rows_of(client.app, client.org_id)
        for name, value in BAD_HEADERS:
            refused = client.open(operation.method, url, headers={name: value}, **options)
            assert_refused(refused, 422, "validation_error", field=name)
        assert rows_of(client.app, client.org_id) == before, operation.name


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_scope_and_key_are_asked_first(client: ApiClient, anonymous: ApiClient, with_scopes):
    limited, world = with_scopes("events:read"), World(client)
    for operation in changes(world):
        url, options = world.url(operation, world.fresh(operation)), options_of(world, operation)
        for name, value in BAD_HEADERS:
            refused = limited.open(operation.method, f"{url}?dry_run=maybe", headers={name: value}, **options)
            assert_refused(refused, 403, "forbidden")
        assert_refused(anonymous.open(operation.method, f"{url}?dry_run=maybe"), 401, "unauthorized")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_reading_does_not_look_at_any_of_it(client: ApiClient):
    for name, value in BAD_HEADERS:
        assert client.get("/units", headers={name: value}).status_code == 200
    assert_refused(client.get("/units?dry_run=true"), 422, "validation_error", field="dry_run")
    assert_refused(client.get("/me?dry_run=true"), 422, "validation_error", field="dry_run")
