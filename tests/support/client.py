"""A caller of the API for tests: speaks HTTP through Flask's test client and holds every answer against /openapi.json.

So an answer that the documentation does not describe fails the test that provoked it.
"""

from typing import Any
from uuid import UUID

import jsonschema
from flask import Flask
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

API = "/api/v1"
# Headers that an answer carries only where the document says so.
PROMISED = ("ETag", "Idempotent-Replayed", "Dry-Run", "Retry-After")


class Documented:
    """The application's OpenAPI document, compiled for checking answers."""

    def __init__(self, app: Flask) -> None:
        self.document = app.test_client().get("/openapi.json").get_json()
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        self.registry = Registry().with_resource("urn:api", resource)
        self.validators: dict[tuple[str, str, str], jsonschema.Draft202012Validator | None] = {}

    def check(self, path: str, method: str, response: TestResponse) -> None:
        """Fail unless the document describes this status of this operation and the body has the described shape."""
        key = (path, method, str(response.status_code))
        if key not in self.validators:
            self.validators[key] = self._validator(*key)
        validator = self.validators[key]
        carried = {name for name in PROMISED if name in response.headers}
        described = set(self._described(*key)[1].get("headers", {}))
        assert carried <= described, f"{method} {path} {response.status_code} carries {carried - described} unannounced"
        assert ("ETag" in carried) == ("ETag" in described), f"{method} {path} {response.status_code} lacks its ETag"
        if validator is not None:
            assert response.is_json, f"{method} {path} {response.status_code} is no JSON"
            error = jsonschema.exceptions.best_match(validator.iter_errors(response.get_json()))
            assert error is None, (
                f"{method} {path} {response.status_code} is not as documented: {error.message} at {error.json_path}"
            )

    def _validator(self, path: str, method: str, status: str) -> jsonschema.Draft202012Validator | None:
        operation = self.document["paths"][path][method.lower()]
        assert status in operation["responses"], f"{method} {path} answers {status}, which is not documented"
        pointer, response = self._described(path, method, status)
        if "application/json" not in response.get("content", {}):
            return None
        pointer += ["content", "application/json", "schema"]
        escaped = "/".join(part.replace("~", "~0").replace("/", "~1") for part in pointer)
        return jsonschema.Draft202012Validator({"$ref": f"urn:api#/{escaped}"}, registry=self.registry)

    def _described(self, path: str, method: str, status: str) -> tuple[list[str], Any]:
        """Where the document describes an answer, and how."""
        pointer = ["paths", path, method.lower(), "responses", status]
        response = self.document["paths"][path][method.lower()]["responses"][status]
        if "$ref" in response:
            pointer = response["$ref"].removeprefix("#/").split("/")
            response = self.document["components"]["responses"][pointer[-1]]
        return pointer, response


class ApiClient:
    """Calls the API with one key (or none), relative to /api/v1."""

    def __init__(self, app: Flask, documented: Documented, key: str | None, org_id: UUID | None = None) -> None:
        self.app, self.documented, self.key, self.org_id = app, documented, key, org_id

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.open("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.open("POST", path, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.open("PUT", path, json=json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.open("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.open("DELETE", path, **options)

    def open(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        """Call and check the answer against the document. `json=None` sends no body; use `data=` for raw bytes."""
        if options.get("json", ...) is None:
            del options["json"]
        sent = ({"Authorization": f"Bearer {self.key}"} if self.key else {}) | (headers or {})
        url = path if path.startswith(("/api/", "/health", "/openapi", "http://")) else f"{API}{path}"
        with self.app.test_client() as client:
            response = client.open(url, method=method, headers=sent, **options)
            rule = client.application.url_map.bind("localhost")
            self._check(rule, url, method, response)
        return response

    def _check(self, rules: Any, url: str, method: str, response: TestResponse) -> None:
        try:
            matched, _ = rules.match(
                url.partition("?")[0].removeprefix("http://localhost"), method=method, return_rule=True
            )
        except Exception:  # noqa: BLE001 - unknown path or verb: no operation to hold it against
            return
        path = matched.rule
        for argument in matched.arguments:
            for converter in ("uuid:", "string:", "path:", "int:", ""):
                path = path.replace(f"<{converter}{argument}>", f"{{{argument}}}")
        if method not in {"HEAD", "OPTIONS"} and path in self.documented.document["paths"]:
            self.documented.check(path, method, response)


def assert_refused(response: TestResponse, status: int, code: str, *, field: str | None = None) -> dict[str, Any]:
    """The one shape of a refusal; with `field`, that details.fields names it. Returns the error object."""
    body = response.get_json()
    assert response.status_code == status, body
    assert set(body) == {"error"}, body
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "details", "request_id"}, error
    assert error["code"] == code, error
    assert error["message"]
    assert error["request_id"] == response.headers["X-Request-Id"]
    if field is not None:
        assert field in error["details"].get("fields", {}), error
    return error
