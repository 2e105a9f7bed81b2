"""The Blueprint every feature uses: it refuses unguarded routes and writes what the guard knows into OpenAPI.

It leans on private members of flask-smorest, above all `_store_endpoint_docs` and `_prepare_doc_cbks`; the minor
version is pinned and tests/architecture holds a test on each.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import wraps
from types import UnionType
from typing import Any, get_args, get_type_hints

import flask
import flask_smorest
from flask import Response
from marshmallow import Schema

from app.data.base import Stamped
from app.extensions import db
from app.http.etags import tag_of
from app.http.guard import LOWEST_TIER, SAFE_METHODS, Guard, is_guard
from app.http.headers import IF_MATCH, describe_change
from app.http.parsing import BodyParser

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class UnguardedRouteError(RuntimeError):
    """A route was defined without @requires or @public, or with the decorators in the wrong order."""


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A feature's routes. Decorators from the outside in: route, requires or public, arguments, response."""

    ARGUMENTS_PARSER = BodyParser()

    def __init__(self, name: str, import_name: str, *, description: str, url_prefix: str = "/api/v1") -> None:
        super().__init__(name, import_name, url_prefix=url_prefix, description=description)
        self._naming_rows: set[str] = set()
        self._prepare_doc_cbks.append(self._prepare_guard_doc)

    def route(self, rule: str, *, methods: tuple[str, ...] = ("GET",), **options: Any) -> Decorator:
        """Register a view. Raises UnguardedRouteError, or ValueError when the endpoint's name is taken."""
        decorator: Decorator = super().route(rule, methods=list(methods), **options)
        return decorator

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """Refuse a second view of the same name instead of renaming it silently."""
        name = endpoint or view_func.__name__
        if name in self._endpoints:
            raise ValueError(f"{self.name}.{name} is already a route")
        # A path that names a row can name one that does not exist.
        self._naming_rows |= {name} if "<" in rule else set()
        super().add_url_rule(rule, endpoint, view_func, *args, **options)

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Decorator:
        """Parse the body (or the query) with a schema and pass the result on. See flask-smorest."""
        # One instance for all requests: making a schema copies all its fields.
        instance = schema() if isinstance(schema, type) else schema
        decorator: Decorator = super().arguments(instance, location=location, **options)
        return decorator

    def alt_response(self, status_code: int, **options: Any) -> Decorator:
        """Document another answer. See flask-smorest."""
        decorator: Decorator = super().alt_response(status_code, **options)
        return decorator

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Decorator:
        """Write the view's result with a schema; see flask-smorest.

        A created thing adds its Location, a row that knows its last change an ETag.
        """
        instance = schema() if isinstance(schema, type) and issubclass(schema, Schema) else schema
        documented: Decorator = super().response(status_code, instance, **options)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            # What is accepted for later (202) is another thing than the address names.
            tagged = instance is not None and status_code in {200, 201} and _returns_row(view)

            @wraps(view)
            def write(*args: Any, **kwargs: Any) -> Response:
                result = view(*args, **kwargs)
                if isinstance(result, Response):
                    return result
                if instance is None:
                    return Response(status=status_code)
                if tagged and flask.request.method not in SAFE_METHODS:
                    # What the row says of its last change is true once it is written.
                    db.session.flush()
                written = instance.dump(result)
                flask.g.written = (type(instance), result, written)  # an event of this request shows the same
                response = Response(flask.json.dumps(written), status_code, mimetype="application/json")
                if status_code == 201 and (location := _location(result)):  # noqa: PLR2004 - Created
                    response.headers["Location"] = location
                if tagged:
                    response.headers["ETag"] = tag_of(result)
                return response

            # flask-smorest's own decorator is used for its notes alone; the writing above replaces the rest of it.
            write._apidoc = documented(view)._apidoc | {"tagged": tagged}  # type: ignore[attr-defined]  # noqa: SLF001
            return write

        return decorate

    def _store_endpoint_docs(self, endpoint: str, obj: Any, parameters: Any, tags: Any, **options: Any) -> None:
        if not is_guard(obj):
            raise UnguardedRouteError(f"{self.name}.{endpoint}: @requires or @public must stand right below the route")
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for method, notes in self._docs[endpoint].items():
            if method != "parameters":
                notes["guard"], notes["operation_id"] = obj.guard, obj.__name__
                notes["names_row"] = endpoint in self._naming_rows

    def _prepare_guard_doc(self, doc: dict[str, Any], notes: dict[str, Any], **context: Any) -> dict[str, Any]:
        guard: Guard = notes["guard"]
        doc.setdefault("operationId", notes["operation_id"])
        doc["security"] = [] if guard.public else [{"apiKey": [guard.scope] if guard.scope else []}]
        if not guard.public:
            doc["x-required-scope"], doc["x-required-tier"] = guard.scope, guard.tier
        responses = doc.setdefault("responses", {})
        describe_change(doc, guard, context["method"], names_row=notes["names_row"], tagged=notes.get("tagged", False))
        statuses = error_statuses(guard, doc, context["method"]) + ([404] if notes["names_row"] else [])
        for status in sorted(statuses):
            responses.setdefault(str(status), {"$ref": f"#/components/responses/Error{status}"})
        return deepcopy(doc)


def _returns_row(view: Callable[..., Any]) -> bool:
    """Whether a view says that it returns a row, or one of several, that knows its last change."""
    returned = get_type_hints(view).get("return")
    kinds = get_args(returned) if isinstance(returned, UnionType) else (returned,)
    return all(isinstance(kind, type) and issubclass(kind, Stamped) for kind in kinds)


def _location(created: Any) -> str | None:
    """Where a created thing can be fetched: its own address, or its id under the collection."""
    if isinstance(created, Mapping):
        return created.get("url")
    return f"{flask.request.path}/{created.id}"


def error_statuses(guard: Guard, doc: dict[str, Any], method: str) -> list[int]:
    """Every failure that an operation may answer with, from what it declares."""
    found = [429, 500]
    if not guard.public:
        found.append(401)
        found += [402] if guard.tier != LOWEST_TIER else []
        found += [403] if guard.scope else []
    writes = method.upper() not in SAFE_METHODS
    found += [400, 413, 415] if "requestBody" in doc else []
    found += [409] if writes else []
    found += [412] if IF_MATCH in doc.get("parameters", ()) else []
    found += [] if guard.public and not doc.get("parameters") else [422]
    return found
