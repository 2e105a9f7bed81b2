"""The operations of /openapi.json as values, bodies made from their examples, and a world with one of each resource.

The sweeps are driven by the document, so a new endpoint is covered by itself. What the document cannot say stands in
RECIPES; an operation that none of it can reach fails the sweep with a sentence that says what to add.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.client import ApiClient

Schema = Mapping[str, Any]

LINES = [{"name": "Consulting", "quantity": "2", "unit_price": "750.00"}]


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    name: str
    raw: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def query(self) -> dict[str, Schema]:
        """The query parameters: name → schema."""
        return {each["name"]: each["schema"] for each in self.accepted if each["in"] == "query"}

    @property
    def headers(self) -> set[str]:
        """The names of the headers it understands."""
        return {each["name"] for each in self.accepted if each["in"] == "header"}

    @property
    def accepted(self) -> list[Mapping[str, Any]]:
        """The parameters of the operation, the shared ones resolved."""
        shared = self.document["components"]["parameters"]
        given = self.raw.get("parameters", [])
        return [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in given]

    @property
    def body(self) -> Schema | None:
        """The schema of the body, or None."""
        if "requestBody" not in self.raw:
            return None
        return self.resolved(self.raw["requestBody"]["content"]["application/json"]["schema"])

    @property
    def writes(self) -> bool:
        """Whether it may change what is stored."""
        return self.method != "GET"

    def resolved(self, schema: Schema) -> Schema:
        """A schema without $ref, and the object of a nullable one."""
        if "$ref" in schema:
            return self.resolved(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return self.resolved(next(each for each in schema["anyOf"] if each.get("type") != "null"))
        return schema


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation of the document, in its order."""
    return [
        Operation(method.upper(), path, operation["operationId"], operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def nullable(schema: Schema) -> bool:
    """Whether null is a value of the schema."""
    kind = schema.get("type", [])
    return "null" in kind or any(each.get("type") == "null" for each in schema.get("anyOf", []))


def kind_of(schema: Schema) -> str:
    """string, integer, boolean, array or object; of "string or null" the string."""
    kind = schema.get("type", "object")
    return kind if isinstance(kind, str) else next(each for each in kind if each != "null")


def example(operation: Operation, schema: Schema, *, whole: bool = False) -> Any:
    """A value of a schema, from its examples: the required fields only, or as a whole."""
    found = operation.resolved(schema)
    if "example" in found:
        return found["example"]
    kind = kind_of(found)
    if kind == "object":
        wanted = found.get("properties", {}) if whole else found.get("required", [])
        return {name: example(operation, found["properties"][name], whole=whole) for name in wanted}
    if kind == "array":
        return [example(operation, found["items"], whole=whole)] if whole or found.get("minItems") else []
    if "enum" in found:
        return found["enum"][0]
    return {"string": "text", "integer": found.get("minimum", 1), "boolean": True}[kind]


def raw(body: Any) -> dict[str, Any]:
    """Options of a call that sends this body: written by json itself, which lets NaN and lone surrogates through."""
    return {"data": json.dumps(body).encode(), "content_type": "application/json"}


def fields_of(operation: Operation, schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field of a body with its dotted path, those of nested objects and of a list's first entry too."""
    for name, given in operation.resolved(schema).get("properties", {}).items():
        where, inner = f"{path}{name}", operation.resolved(given)
        yield where, given
        if kind_of(inner) == "object":
            yield from fields_of(operation, inner, f"{where}.")
        if kind_of(inner) == "array" and kind_of(operation.resolved(inner["items"])) == "object":
            yield from fields_of(operation, inner["items"], f"{where}.0.")


def with_value(operation: Operation, schema: Schema, base: Any, path: str, value: Any) -> Any:
    """`base` with `value` at a dotted path; what is missing on the way there is made from examples."""
    head, _, rest = path.partition(".")
    if head.isdigit():
        inner = operation.resolved(schema)["items"]
        first = base[0] if base else example(operation, inner)
        return [with_value(operation, inner, first, rest, value), *base[1:]]
    made = dict(base or {})
    if not rest:
        return made | {head: value}
    inner = operation.resolved(operation.resolved(schema)["properties"][head])
    start = made.get(head) if made.get(head) is not None else example(operation, inner)
    return made | {head: with_value(operation, inner, start, rest, value)}


class World:
    """One of each resource of a caller's organisation, made through the API, and bodies that would make more."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.operations = operations(client.documented.document)
        self.ids: dict[str, str] = {}
        for operation in sorted(self.operations, key=self._order):
            if operation.method == "POST" and not operation.parameters and "201" in operation.raw["responses"]:
                made = client.open("POST", operation.path, **raw(self.full_body(operation)))
                assert made.status_code == 201, (
                    f"{operation.name} does not take its own examples: {made.get_json()}; add a recipe to {__name__}"
                )
                self.ids[operation.path] = made.get_json()["id"]
        tested = client.post(f"/webhooks/{self.ids['/api/v1/webhooks']}/test")
        self.ids["/api/v1/webhooks/deliveries"] = tested.get_json()["id"]
        # Nobody makes an event by itself.
        self.ids["/api/v1/events"] = client.get("/events").get_json()["data"][0]["id"]

    @staticmethod
    def _order(operation: Operation) -> int:
        first = ("/api/v1/taxes", "/api/v1/customers", "/api/v1/items")
        return first.index(operation.path) if operation.path in first else len(first)

    def full_body(self, operation: Operation) -> dict[str, Any]:
        """A whole body from the examples, with this world's ids and unique words, that the operation accepts."""
        assert operation.body is not None
        made: dict[str, Any] = example(operation, operation.body)
        return made | self._recipe(operation, uuid.uuid4().hex[:12])

    def _recipe(self, operation: Operation, word: str) -> dict[str, Any]:
        """What examples cannot know: names that are unique, and which of several fields go together."""
        tax, item, customer = (self.ids.get(f"/api/v1/{noun}") for noun in ("taxes", "items", "customers"))
        by_name: dict[str, dict[str, Any]] = {
            "create_tax": {"rate": "19"},
            "create_unit": {"name": word},
            "create_payment_method": {"name": word},
            "create_number_series": {"name": word, "pattern": f"{word}-{{seq}}"},
            "create_item": {"tax_ids": [tax]},
            "create_customer": {"name": word, "email": f"{word}@example.com", "tax_ids": [tax]},
            "create_api_key": {"name": word},
            "update_settings": {"invoice_notes": word},
            "update_webhook": {"description": word},
            "replay_webhook": {"from_time": "2026-01-01T00:00:00Z"},
            "create_invoice": {"customer_id": customer, "lines": [*LINES, {"item_id": item, "tax_ids": [tax]}]},
            "calculate_totals": {"customer_id": customer, "lines": [*LINES, {"item_id": item, "tax_ids": [tax]}]},
        }
        same = {"replace": "create", "update": "create"}
        verb, _, noun = operation.name.partition("_")
        return by_name.get(operation.name) or by_name.get(f"{same.get(verb, verb)}_{noun}", {})

    def fresh(self, operation: Operation) -> str | None:
        """The id of a new row for an operation that names one in its path: nothing depends on it yet."""
        if not operation.parameters:
            return None
        path = operation.path.partition("/{")[0]
        if path == "/api/v1/webhooks/deliveries":
            return self._made(f"/webhooks/{self.ids['/api/v1/webhooks']}/test")
        maker = next((each for each in self.operations if (each.method, each.path) == ("POST", path)), None)
        assert maker, f"{operation.name}: nothing makes a row of {path}; teach {__name__}"
        found = self._made(path, **raw(self.full_body(maker)))
        if operation.name == "send_invoice":
            self._made(f"{path}/{found}/issue")
        return found

    def _made(self, path: str, **options: Any) -> str:
        answer = self.client.open("POST", path, **options)
        assert answer.status_code < 300, answer.get_json()
        found: str = answer.get_json()["id"]
        return found

    def url(self, operation: Operation, row_id: str | None = None) -> str:
        """The operation's path with this world's id in it, or with another."""
        path = operation.path
        for name in operation.parameters:
            collection = path.partition("/{")[0]
            found = row_id or self.ids.get(collection)
            assert found, f"{operation.name}: nothing makes a {{{name}}} of {collection}; teach {__name__}"
            path = path.replace(f"{{{name}}}", found)
        return path
