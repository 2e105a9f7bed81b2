"""The base of every schema: unknown fields are refused, and answers are written by a compiled plan.

marshmallow's own dump looks every attribute up through layers made for cases we do not have; a list of a hundred
invoices spends its time there. The plan below calls the same fields' `_serialize` directly: one declaration, a
fraction of the time. Schemas with dump hooks are not supported, and say so.
"""

from collections.abc import Callable, Iterable
from typing import Any

import marshmallow
from marshmallow import fields

from app.http.fields import List, Nested, Text

Serialize = Callable[[Any, str | None, Any], Any]


class Schema(marshmallow.Schema):
    """A shape on the wire. `load` refuses unknown fields; `dump` takes dicts or objects with attributes."""

    class Meta:
        """Unknown fields are a 422, so that a typing error never passes silently."""

        unknown = marshmallow.RAISE

    _plan: list[tuple[str, str, Serialize | None]] | None = None
    _asked: tuple[dict[str, fields.Field[Any]], list[str]] | None = None

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """The JSON-ready form of one object, or of each of many."""
        plan = self._plan or self._compile()
        if self.many if many is None else many:
            return [_write(plan, each) for each in obj]
        return _write(plan, obj)

    def _deserialize(self, data: Any, **context: Any) -> Any:
        """As marshmallow's, but a field that is left out, is not required and has no default costs nothing.

        A line of an invoice names five of its two dozen fields; a document has hundreds of lines.
        """
        if context.get("many") or context.get("partial") or not isinstance(data, dict):
            return super()._deserialize(data, **context)
        if context.get("unknown", marshmallow.RAISE) != marshmallow.RAISE:
            return super()._deserialize(data, **context)
        known, owed = self._asked or self._ask()
        store, index = context["error_store"], context.get("index")
        loaded = {}
        for key in (*data, *(key for key in owed if key not in data)):
            field = known.get(key)
            if field is None:
                store.store_error([self.error_messages["unknown"]], key, index)
                continue
            value = data.get(key, marshmallow.missing)
            try:
                value = field.deserialize(value, key, data)
            except marshmallow.ValidationError as error:
                store.store_error(error.messages, key, index=index)
                value = error.valid_data or marshmallow.missing
            if value is not marshmallow.missing:
                loaded[field.attribute or field.name] = value
        return loaded

    def _ask(self) -> tuple[dict[str, fields.Field[Any]], list[str]]:
        """The fields by their name on the wire, and the names of those that count also when they are left out."""
        known = {field.data_key or name: field for name, field in self.load_fields.items()}
        owed = [key for key, field in known.items() if field.required or field.load_default is not marshmallow.missing]
        self._asked = known, owed
        return known, owed

    def _compile(self) -> list[tuple[str, str, Serialize | None]]:
        if any("dump" in str(hook) for hook in self._hooks):
            raise TypeError(f"{type(self).__name__} has a dump hook; compute the value in the model instead")
        plan = [
            (field.data_key or name, field.attribute or name, _serializer(field))
            for name, field in self.dump_fields.items()
        ]
        self._plan = plan
        return plan


def _serializer(field: fields.Field[Any]) -> Serialize | None:
    if isinstance(field, Nested):
        schema = field.schema
        return lambda value, _attr, _obj: None if value is None else schema.dump(value, many=field.many)
    if isinstance(field, List):
        inner = _serializer(field.inner)
        if inner is None:
            return lambda value, _attr, _obj: None if value is None else list(value)
        return lambda value, attr, obj: None if value is None else [inner(each, attr, obj) for each in value]
    # Text is written as it is; only a field that changes the value is called.
    return None if isinstance(field, Text) else field._serialize  # noqa: SLF001 - the field's own public extension point


def _write(plan: Iterable[tuple[str, str, Serialize | None]], obj: Any) -> dict[str, Any]:
    if isinstance(obj, dict):
        get = obj.get
        return {
            key: value if (value := get(attr)) is None or serialize is None else serialize(value, attr, obj)
            for key, attr, serialize in plan
        }
    return {
        key: value if (value := getattr(obj, attr)) is None or serialize is None else serialize(value, attr, obj)
        for key, attr, serialize in plan
    }
