"""Every field of every body and every query parameter of /openapi.json against hostile values.

A value that breaks a field's rule is a 422 that names the field; nothing ever is a 5xx, and nothing is stored.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.architecture.operations import Operation, World, example, fields_of, kind_of, nullable, with_value
from tests.architecture.rows import rows_altogether, rows_of
from tests.support.client import ApiClient, assert_refused

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NESTED: Any = json.loads("[" * 200 + "]" * 200)
UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"
NUL, SURROGATE = "a\x00b", "a\ud800b"

WRONG: dict[str, list[Any]] = {
    "string": [5, 10**30, True, [], {}, ["x"], NUL, SURROGATE],
    "integer": ["5", 1.5, True, [], {}, 10**30, -(10**30), "@1e400@", "@1e99999999999999999999@", "@-1e400@"],
    "boolean": ["true", 1, 0, [], {}, "@1e400@"],
    "array": [{}, "x", 5, True, [None], [NESTED], [10**30]],
    "object": [[], "x", 5, True, [{}]],
}
FORMATS: dict[str, list[Any]] = {
    "decimal": [
        True,
        [],
        {},
        "",
        " 1",
        "1,5",
        "1e2",
        "NaN",
        "-Infinity",
        "0x10",
        "١",
        NUL,
        SURROGATE,
        10**30,
        "1" + "0" * 30,
        "@1e400@",
        "@-1e400@",
        "@1e-400@",
        "@1e99999999999999999999@",
        "@1e-99999999999999999999@",
        "0.00000000001",
        "@0.00000000001@",
        "@" + "9" * 5000 + "@",
    ],
    "date": [5, True, [], {}, "", "2026-02-30", "2026-1-1", "1899-12-31", "3000-01-01", "20260101", "٢٠٢٦-٠١-٠١", NUL],
    "date-time": [
        5,
        True,
        [],
        {},
        "",
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        NUL,
        SURROGATE,
    ],
    "uuid": [
        5,
        True,
        [],
        {},
        "",
        "x",
        UNKNOWN.replace("-", ""),
        f"{{{UNKNOWN}}}",
        f"urn:uuid:{UNKNOWN}",
        NUL,
        SURROGATE,
    ],
}
LABELS: list[Any] = [
    {"k": 5},
    {"k": None},
    {"k": NUL},
    {SURROGATE: "x"},
    {"": "x"},
    {"k" * 41: "x"},
    {"k": "x" * 501},
    {"k": {"k": "x"}},
    {f"k{n}": "x" for n in range(51)},
]


def hostile(operation: Operation, given: Any) -> Iterator[Any]:
    """Values that a field with this schema must refuse. Text between @ is sent as a bare JSON literal."""
    schema = operation.resolved(given)
    kind = kind_of(schema)
    yield NESTED
    yield from FORMATS.get(schema.get("format", ""), WRONG[kind])
    if not nullable(given):
        yield None
    if kind == "string" and "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "enum" in schema:
        yield "nonsense"
    if kind == "integer":
        yield from (schema["minimum"] - 1, schema["maximum"] + 1)
    if kind == "array" and "maxItems" in schema:
        yield [example(operation, schema["items"], whole=True)] * (schema["maxItems"] + 1)
    if kind == "object":
        yield from [{"nonsense": 1}, {SURROGATE: 1}] if "properties" in schema else LABELS


def sent(body: Any) -> dict[str, Any]:
    """The call's options. Unlike the client's own JSON this writes lone surrogates and bare literals."""
    text = json.dumps(body).replace('"@', "").replace('@"', "")
    return {"data": text.encode(), "content_type": "application/json"}


def names(refusal: Any, path: str) -> bool:
    fields = refusal.get_json()["error"]["details"].get("fields", {})
    return any(name == path or name.startswith(f"{path}.") for name in fields)


def base_of(world: World, operation: Operation) -> dict[str, Any]:
    return {} if operation.method == "PATCH" else world.full_body(operation)


@ON_SQLITE
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_every_field_of_every_body_refuses_what_it_cannot_hold(client: ApiClient, method: str):
    world = World(client)
    tried = 0
    for operation in world.operations:
        if operation.method != method or operation.body is None:
            continue
        base, url, before = base_of(world, operation), world.url(operation), rows_of(client.app, client.org_id)
        for path, given in fields_of(operation, operation.body):
            for value in hostile(operation, given):
                answer = client.open(method, url, **sent(with_value(operation, operation.body, base, path, value)))
                what = f"{operation.name}: {path} = {value!r:.80}: {answer.get_data(as_text=True)[:300]}"
                assert answer.status_code == 422, what
                assert_refused(answer, 422, "validation_error")
                assert names(answer, path), what
                tried += 1
        assert rows_of(client.app, client.org_id) == before, operation.name
    assert tried > 100


@ON_SQLITE
def test_every_body_refuses_what_is_no_object_and_fields_it_does_not_know(client: ApiClient):
    world = World(client)
    before = rows_altogether(client.app)
    for operation in world.operations:
        if operation.body is None:
            continue
        url, base = world.url(operation), base_of(world, operation)
        for body in (None, [], [base], "x", 5, True, NESTED, 10**30):
            assert_refused(client.open(operation.method, url, **sent(body)), 422, "validation_error")
        for name in ("nonsense", "__class__", "x" * 10_000, NUL, SURROGATE, "", "a.b", "_schema"):
            answer = client.open(operation.method, url, **sent({**base, name: 1}))
            assert_refused(answer, 422, "validation_error")
        assert_refused(
            client.open(operation.method, url, **sent({**base, "nonsense": 1})),
            422,
            "validation_error",
            field="nonsense",
        )
        for literal in (
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": -Infinity}',
            b"{",
            b"",
            b'\xff{"a": 1}',
            b"[" * 100_000,
        ):
            answer = client.open(operation.method, url, data=literal or b" ", content_type="application/json")
            assert_refused(answer, 400, "bad_request")
        assert_refused(
            client.open(operation.method, url, data=b"a=1", content_type="text/plain"), 415, "unsupported_media_type"
        )
    assert rows_altogether(client.app) == before


def edge(operation: Operation, given: Any) -> list[Any]:
    """Values at the very edge of what a field takes: stored or refused, never a 5xx."""
    schema = operation.resolved(given)
    if schema.get("format") == "decimal":
        return ["999999999999.999999", "-999999999999.999999", "0.000001", "@-0.0@", "100"]
    if schema.get("format") == "date":
        return ["1900-01-01", "2999-12-31"]
    if schema.get("format") == "date-time":
        return ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    if kind_of(schema) == "integer":
        return [schema["minimum"], schema["maximum"]]
    if kind_of(schema) == "string" and "enum" not in schema:
        most = min(schema.get("maxLength", 10), 5000)
        return ["\U0001f9fe" * most, "%{{7*7}}<b>&'"[:most], "\ufffe\u202e\u0130"[:most]]
    return []


def test_values_at_the_edge_are_stored_or_refused(client: ApiClient):
    world = World(client)
    for operation in world.operations:
        # What PUT and PATCH of a row take, its POST takes.
        if operation.body is None or operation.parameters:
            continue
        for path, given in fields_of(operation, operation.body):
            for value in edge(operation, given):
                body = with_value(operation, operation.body, base_of(world, operation), path, value)
                answer = client.open(operation.method, world.url(operation), **sent(body))
                what = f"{operation.name}: {path} = {value!r:.80}: {answer.get_data(as_text=True)[:300]}"
                assert answer.status_code < 500, what
                if answer.status_code >= 400:
                    assert answer.get_json()["error"]["code"] in {"validation_error", "conflict"}, what


QUERY: dict[str, list[str]] = {
    "integer": ["abc", "1.5", "1e3", "-1", "", " 1", "9" * 30, "\x00", "١", "0x1"],
    "boolean": ["yes", "2", "", "\x00", "True"],
    "uuid": ["x", "", UNKNOWN.replace("-", ""), "\x00", f"{UNKNOWN}x"],
    "date": ["2026-02-30", "x", "", "1899-12-31", "9" * 40, "\x00"],
    "string": ["\x00", "a\nb"],
}


def hostile_query(operation: Operation, name: str, given: Any) -> Iterator[str]:
    schema = operation.resolved(given)
    schema = schema["items"] if kind_of(schema) == "array" else schema
    yield from QUERY[schema.get("format") or kind_of(schema)]
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "enum" in schema or name in {"sort", "cursor"}:
        yield from ("nonsense", "-", "id; drop table invoices", "eyJhIjoxfQ", "é")


def test_every_query_parameter_refuses_what_it_cannot_hold(client: ApiClient):
    world = World(client)
    tried = 0
    for operation in world.operations:
        if not operation.query:
            continue
        options = sent(world.full_body(operation)) if operation.body else {}
        before = rows_of(client.app, client.org_id)
        for name, given in operation.query.items():
            for value in hostile_query(operation, name, given):
                answer = client.open(operation.method, world.url(operation), query_string={name: value}, **options)
                assert answer.status_code == 422, (
                    f"{operation.name}?{name}={value!r:.60}: {answer.get_data(as_text=True)[:200]}"
                )
                assert_refused(answer, 422, "validation_error")
                assert names(answer, name), f"{operation.name}?{name}={value!r:.60}: {answer.get_json()}"
                tried += 1
        unknown = client.open(operation.method, world.url(operation), query_string={"nonsense": "1"}, **options)
        assert_refused(unknown, 422, "validation_error", field="nonsense")
        assert rows_of(client.app, client.org_id) == before, operation.name
    assert tried > 100


def test_odd_bytes_in_a_query_are_text_or_refused(client: ApiClient):
    for operation in World(client).operations:
        if operation.method == "GET" and "search" in operation.query and not operation.parameters:
            for odd in ("%ff%fe", "%c3%28", "%ed%a0%80", "%25_'\\", "%F0%9F%A7%BE" * 200):
                answer = client.get(f"{operation.path}?search={odd}")
                assert answer.status_code == 200, f"{operation.name} {odd[:20]}: {answer.get_json()}"
                assert answer.get_json()["data"] == []


@pytest.mark.parametrize(
    "bad", ["x", "0", UNKNOWN[:-1], UNKNOWN.replace("-", ""), "%00", "..%2f", "%ff", "'", f"{{{UNKNOWN}}}", "9" * 300]
)
def test_a_malformed_id_in_a_path_is_an_unknown_address(client: ApiClient, bad: str):
    world = World(client)
    for operation in world.operations:
        if operation.parameters and operation.raw["security"]:
            answer = client.open(operation.method, world.url(operation, bad))
            # next-number and its like stand where an id could: another address, which has other verbs.
            assert answer.status_code in {404, 405}, f"{operation.name} {bad}: {answer.status_code}"
            assert_refused(answer, answer.status_code, answer.get_json()["error"]["code"])


def test_nothing_is_lost_on_the_way_into_the_table_of_hostile_values():
    assert len(NESTED) == 1
    assert not math.isfinite(float("1e400"))
    assert sent({"a": "@1e400@"})["data"] == b'{"a": 1e400}'
    assert json.loads(sent({"a": SURROGATE})["data"]) == {"a": SURROGATE}
