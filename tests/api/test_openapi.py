"""/openapi.json is a sound OpenAPI 3.1 document: it has every address, and what it says the routes do."""

import re

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from app import __version__
from app.http.errors import CODES
from app.http.guard import LOWEST_TIER, SAFE_METHODS
from tests.architecture.operations import Operation, operations
from tests.support.client import Documented

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
VERBS = {
    "get", "list", "create", "update", "replace", "delete", "revoke", "issue", "calculate", "audit", "download",
    "verify", "subscribe", "test", "rotate", "replay", "redeliver",
}  # fmt: skip
CONVERTERS = re.compile(r"<(?:\w+:)?(\w+)>")


@pytest.fixture
def document(documented: Documented):
    return documented.document


@pytest.fixture
def every(document) -> list[Operation]:
    return operations(document)


def marker(app, operation: Operation):
    for rule in app.url_map.iter_rules():
        if CONVERTERS.sub(r"{\1}", rule.rule) == operation.path and operation.method in rule.methods:
            return app.view_functions[rule.endpoint].guard
    raise AssertionError(f"{operation.name} has no route")


def walk(node, where=""):
    yield where, node
    if isinstance(node, dict):
        for name, value in node.items():
            yield from walk(value, f"{where}/{name}")
    if isinstance(node, list):
        for position, value in enumerate(node):
            yield from walk(value, f"{where}/{position}")


def test_its_frame_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    assert set(document) >= {"openapi", "info", "paths", "components", "tags"}
    assert document["info"]["title"] == "Billhook"
    assert document["info"]["version"] == __version__
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert len(document["info"]["description"]) > 50
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_every_address_of_the_application_is_described_and_no_other(app, document):
    routed = {
        (CONVERTERS.sub(r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(operation.path, operation.method) for operation in operations(document)}
    assert described == routed
    assert len(described) > 40


def test_every_operation_has_a_name_that_a_tool_can_bear(every):
    found = [operation.name for operation in every]
    assert len(found) == len(set(found))
    for name in found:
        verb, separator, noun = name.partition("_")
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", name) and separator and noun, name
        assert verb in VERBS, f"{name}: a new verb? add it to VERBS"
        assert len(name) <= 64


def test_every_operation_has_a_summary_in_one_sentence_and_a_tag_that_is_described(every, document):
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(described.values())
    for operation in every:
        assert 10 < len(operation.raw["summary"]) < 121, operation.name
        assert operation.raw["summary"].endswith("."), operation.name
        assert operation.raw["tags"] and set(operation.raw["tags"]) <= set(described), operation.name


def test_security_scope_and_tier_are_those_of_the_guard(app, every):
    for operation in every:
        guard = marker(app, operation)
        if guard.public:
            assert operation.raw["security"] == [], operation.name
            assert not {"x-required-scope", "x-required-tier"} & set(operation.raw), operation.name
        else:
            assert operation.raw["security"] == [{"apiKey": [guard.scope] if guard.scope else []}], operation.name
            assert (operation.raw["x-required-scope"], operation.raw["x-required-tier"]) == (guard.scope, guard.tier)


def test_every_error_answer_is_there_and_wears_the_envelope(app, every, document):
    for operation in every:
        answers, guard = operation.raw["responses"], marker(app, operation)
        expected = {"429", "500"}
        expected |= set() if guard.public else {"401"}
        expected |= {"403"} if guard.scope else set()
        expected |= {"402"} if guard.tier != LOWEST_TIER else set()
        expected |= {"404"} if operation.parameters else set()
        expected |= {"400", "413", "415", "422"} if operation.body is not None else set()
        expected |= {"422"} if operation.query else set()
        expected |= {"409"} if operation.method not in SAFE_METHODS else set()
        expected |= {"412"} if "If-Match" in operation.headers else set()
        assert expected <= set(answers), f"{operation.name} lacks {expected - set(answers)}"
        for status, answer in answers.items():
            if int(status) >= 400 and status != "503":
                assert answer == {"$ref": f"#/components/responses/Error{status}"}, f"{operation.name} {status}"
        assert any(status.startswith("2") for status in answers), operation.name


def test_an_operation_whose_answer_shows_a_secret_is_marked(app, every):
    """So that what is kept of the answer for a retry is encrypted."""
    showing = set()
    for operation in every:
        for status, answer in operation.raw["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content and status.startswith("2"):
                fields = operation.resolved(content["schema"]).get("properties", {})
                secrets = [fields[name] for name in ("key", "secret") if name in fields]
                showing |= {operation.name for each in secrets if operation.resolved(each).get("type") == "string"}
    assert "create_api_key" in showing
    assert showing == {operation.name for operation in every if marker(app, operation).secret}


def test_what_every_change_understands_is_described(app, every):
    for operation in every:
        changes = operation.method not in SAFE_METHODS and not marker(app, operation).public
        understood = {"Idempotency-Key", "Billhook-Reason"} if changes else set()
        understood |= {"If-Match"} if changes and (operation.parameters or operation.method != "POST") else set()
        assert operation.headers == understood, operation.name
        assert ("dry_run" in operation.query) == changes, operation.name
        for status, answer in operation.raw["responses"].items():
            if status.startswith("2"):
                carried = {"Idempotent-Replayed", "Dry-Run"} if changes else set()
                assert set(answer.get("headers", {})) - {"ETag"} == carried, operation.name
        if operation.name.startswith(("update_", "replace_", "issue_")):
            assert "ETag" in operation.raw["responses"]["200"]["headers"], operation.name


def test_every_code_has_its_answer_with_an_example_of_its_own(document):
    for status, code in CODES.items():
        content = document["components"]["responses"][f"Error{status}"]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorOut"}
        assert content["example"]["error"]["code"] == code
        assert set(content["example"]["error"]) == {"code", "message", "details", "request_id"}
    error = document["components"]["schemas"]["ErrorBody"]
    assert set(error["required"]) == {"code", "message", "details", "request_id"}


def test_every_body_shows_what_belongs_into_it(every):
    for operation in every:
        if operation.body is None:
            continue
        assert operation.raw["requestBody"]["required"] is True
        assert operation.body["additionalProperties"] is False, f"{operation.name}: unknown fields are refused"
        shown = [
            name for name, field in operation.body["properties"].items() if "example" in str(operation.resolved(field))
        ]
        assert shown, operation.name
        for name in operation.body.get("required", []):
            field = operation.resolved(operation.body["properties"][name])
            assert "example" in field or field.get("items") or field.get("properties"), f"{operation.name}: {name}"


def test_created_things_say_where_they_are(client, every):
    made = client.post("/units", {"name": "hour"})
    assert made.headers["Location"] == f"/api/v1/units/{made.get_json()['id']}"
    assert client.get(made.headers["Location"]).get_json() == made.get_json()


def test_no_reference_dangles_and_no_shape_is_left_over(document):
    used = set()
    for where, node in walk(document):
        if isinstance(node, dict) and "$ref" in node:
            head, *parts = node["$ref"].split("/")
            assert head == "#", where
            found = document
            for part in parts:
                assert part in found, f"{where} points to {node['$ref']}"
                found = found[part]
            used.add(parts[-1])
    assert set(document["components"]["schemas"]) - used == set()


def test_every_shape_is_a_json_schema_and_its_examples_keep_it(document):
    resource_less = {"$defs": document["components"]["schemas"]}
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description") is None or len(schema["description"]) < 400, name
        for prop, field in schema.get("properties", {}).items():
            if isinstance(field, dict) and "example" in field:
                plain = {key: value for key, value in field.items() if key != "example"}
                error = jsonschema.exceptions.best_match(
                    Draft202012Validator({**plain, **resource_less}).iter_errors(field["example"])
                )
                assert error is None, f"{name}.{prop}: {error.message}"


def test_no_field_of_a_body_is_without_bounds(every):
    for operation in every:
        for where, node in walk(operation.body or {}):
            if isinstance(node, dict) and node.get("type") == "string" and "format" not in node:
                assert "maxLength" in node or "enum" in node, f"{operation.name}{where}"
            if isinstance(node, dict) and node.get("type") == "integer":
                assert {"minimum", "maximum"} <= set(node), f"{operation.name}{where}"
            if isinstance(node, dict) and node.get("type") == "array":
                assert "maxItems" in node, f"{operation.name}{where}"


def test_path_parameters_are_declared_where_they_stand(document):
    for path, methods in document["paths"].items():
        declared = {each["name"] for each in methods.get("parameters", []) if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), path


def test_query_parameters_have_a_type_and_are_optional(every):
    for operation in every:
        for each in operation.accepted:
            assert each["schema"].get("type"), f"{operation.name}: {each['name']}"
            assert each.get("required", False) is False


def test_lists_have_one_envelope(every, document):
    seen = 0
    for operation in every:
        if not operation.name.startswith("list_"):
            continue
        content = operation.raw["responses"]["200"]["content"]["application/json"]["schema"]
        shape = operation.resolved(content)
        assert set(shape["properties"]) == {"data", "links", "meta"}, operation.name
        assert {"page", "limit", "per_page", "sort", "search", "cursor"} <= set(operation.query), operation.name
        seen += 1
    assert seen >= 7


def test_the_same_bytes_every_time_and_no_key_needed(anonymous):
    first, second = anonymous.get("/openapi.json"), anonymous.get("/openapi.json")
    assert first.data == second.data
    assert first.mimetype == "application/json"
    assert b"bh_live_" not in first.data.replace("bh_live_…".encode(), b"").replace(b"bh_live_Ab3d", b"")
