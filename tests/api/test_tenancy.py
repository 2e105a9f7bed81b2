"""Two organisations: every id of the other one answers exactly as an id that nobody has, and nothing of theirs moves.

Driven by /openapi.json: each operation's path, query and body ids are swept, so a new endpoint is covered by itself.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.architecture.operations import Operation, World, fields_of, kind_of, raw, with_value
from tests.architecture.rows import rows_of
from tests.support.client import ApiClient

CODES = {404, 422}
# Ids that say which row of one's own is meant, and mean nothing when it is not one's own.
FREE = {"lines.0.id": "an unknown line id makes a new line"}


@pytest.fixture
def victim(stranger: ApiClient) -> World:
    return World(stranger)


@pytest.fixture
def attacker(client: ApiClient) -> World:
    return World(client)


def words(answer: Any, *ids: str) -> tuple[int, str]:
    """An answer without what may differ: the id that was asked for, and the request's own."""
    text = answer.get_data(as_text=True).replace(answer.headers["X-Request-Id"], "<request>")
    for each in ids:
        text = text.replace(each, "<id>")
    return answer.status_code, text


def body_of(world: World, operation: Operation) -> dict[str, Any]:
    return raw(world.full_body(operation)) if operation.body else {}


def private(operation: Operation) -> bool:
    return bool(operation.raw["security"])


def test_a_foreign_id_in_a_path_is_an_unknown_id(attacker: World, victim: World):
    before = rows_of(victim.client.app, victim.client.org_id)
    swept = 0
    for operation in attacker.operations:
        if not operation.parameters or not private(operation):
            continue
        foreign, unknown = victim.ids[operation.path.partition("/{")[0]], str(uuid.uuid4())
        for body in ({}, body_of(attacker, operation)):
            ours = attacker.client.open(operation.method, attacker.url(operation, foreign), **body)
            nobodys = attacker.client.open(operation.method, attacker.url(operation, unknown), **body)
            assert words(ours, foreign) == words(nobodys, unknown), operation.name
            assert ours.status_code in CODES, operation.name
            assert ours.is_json and set(ours.get_json()) == {"error"}, f"{operation.name} answers outside the envelope"
        assert attacker.client.open(operation.method, attacker.url(operation, foreign), **body).status_code == 404, (
            operation.name
        )
        swept += 1
    assert swept >= 25
    assert rows_of(victim.client.app, victim.client.org_id) == before


def test_a_foreign_id_in_a_query_is_an_unknown_id(attacker: World, victim: World):
    before = rows_of(victim.client.app, victim.client.org_id)
    swept = 0
    for operation in attacker.operations:
        for name, given in operation.query.items():
            if given.get("format") != "uuid":
                continue
            for foreign in victim.ids.values():
                unknown = str(uuid.uuid4())
                answers = [
                    attacker.client.open(operation.method, attacker.url(operation), query_string={name: each})
                    for each in (foreign, unknown)
                ]
                assert words(answers[0], foreign) == words(answers[1], unknown), f"{operation.name}?{name}"
            swept += 1
    assert swept >= 2
    assert rows_of(victim.client.app, victim.client.org_id) == before


def id_fields(operation: Operation) -> Iterator[tuple[str, bool]]:
    """Each id in a body: its path, and whether it is a list of ids."""
    for path, given in fields_of(operation, operation.body or {}):
        schema = operation.resolved(given)
        if schema.get("format") == "uuid":
            yield path, False
        elif kind_of(schema) == "array" and operation.resolved(schema["items"]).get("format") == "uuid":
            yield path, True


def likely(victim: World, path: str) -> list[str]:
    """The victim's ids that a field could mean by its name; all of them where the name says nothing."""
    noun = path.rpartition(".")[2].removesuffix("s").removesuffix("_id")
    meant = [row_id for collection, row_id in victim.ids.items() if noun in collection]
    return meant or sorted(victim.ids.values())


def without_rivals(body: dict[str, Any], path: str) -> dict[str, Any]:
    """A body in which the field at `path` is alone responsible: what excludes it is left out."""
    if path.startswith("customer."):
        del body["customer_id"]
        body["customer"] = {"name": "Inline"}
    for line in body.get("lines", []):
        line.pop("tax_rate", None)
    return body


def test_a_foreign_id_in_a_body_is_an_unknown_id(attacker: World, victim: World):
    before = rows_of(victim.client.app, victim.client.org_id)
    swept = 0
    for operation in attacker.operations:
        if operation.body is None:
            continue
        for path, many in id_fields(operation):
            for foreign in likely(victim, path):
                unknown = str(uuid.uuid4())
                answers = []
                for each in (foreign, unknown):
                    base = without_rivals(attacker.full_body(operation), path)
                    body = with_value(operation, operation.body, base, path, [each] if many else each)
                    answers.append(attacker.client.open(operation.method, attacker.url(operation), **raw(body)))
                if path in FREE:
                    assert answers[0].status_code == answers[1].status_code, f"{operation.name}: {path}"
                    assert foreign not in answers[0].get_data(as_text=True)
                    continue
                assert words(answers[0], foreign) == words(answers[1], unknown), f"{operation.name}: {path}"
                assert answers[0].status_code == 422, f"{operation.name}: {path}: {answers[0].get_json()}"
                assert path in answers[0].get_json()["error"]["details"]["fields"], f"{operation.name}: {path}"
            swept += 1
    assert swept >= 20
    assert rows_of(victim.client.app, victim.client.org_id) == before


def test_no_list_and_no_object_shows_anything_of_another(attacker: World, victim: World):
    theirs = [*victim.ids.values(), str(victim.client.org_id)]
    for operation in attacker.operations:
        if operation.method != "GET" or not private(operation):
            continue
        for cursor in ({}, {"cursor": ""}) if "cursor" in operation.query else ({},):
            answer = attacker.client.open(
                "GET", attacker.url(operation), query_string={**cursor, "limit": 100} if cursor else {}
            )
            assert answer.status_code == 200, operation.name
            assert not [each for each in theirs if each.encode() in answer.get_data()], operation.name


def test_the_others_cursor_walks_ones_own_list_only(attacker: World, victim: World):
    for world in (attacker, victim):
        for _ in range(3):
            assert world.client.post("/units", {"name": uuid.uuid4().hex}).status_code == 201
    theirs = victim.client.get("/units?limit=1&cursor=").get_json()["meta"]["next_cursor"]
    shown = attacker.client.get(f"/units?limit=100&cursor={theirs}").get_json()["data"]
    own = {unit["id"] for unit in attacker.client.get("/units?limit=100").get_json()["data"]}
    assert {unit["id"] for unit in shown} <= own


def test_the_same_unique_words_may_stand_in_both(attacker: World, victim: World):
    email = {"name": "Twin", "email": "twin@example.com", "external_id": "E-1"}
    for world in (attacker, victim):
        assert world.client.post("/customers", email).status_code == 201
        assert world.client.post("/units", {"name": "twin"}).status_code == 201
        assert world.client.post("/items", {"name": "Twin", "price": 1, "sku": "S-1"}).status_code == 201


def test_a_revoked_or_foreign_key_does_not_tell_that_it_exists(attacker: World, victim: World):
    key_id = victim.ids["/api/v1/api-keys"]
    assert attacker.client.delete(f"/api-keys/{key_id}").status_code == 404
    assert victim.client.get(f"/api-keys/{key_id}").get_json()["revoked_at"] is None


def test_the_sweep_sees_a_leak_when_there_is_one(attacker: World, victim: World):
    """What the sweeps compare is really different for a row that is one's own."""
    own, unknown = attacker.ids["/api/v1/units"], str(uuid.uuid4())
    assert words(attacker.client.get(f"/units/{own}"), own) != words(attacker.client.get(f"/units/{unknown}"), unknown)
    before = rows_of(victim.client.app, victim.client.org_id)
    assert victim.client.patch(f"/units/{victim.ids['/api/v1/units']}", {"name": "renamed"}).status_code == 200
    assert rows_of(victim.client.app, victim.client.org_id) != before
