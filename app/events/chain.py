"""The chain of hashes over an organisation's events: whoever changes one, or takes one away, breaks it from there."""

import hashlib
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import orjson

GENESIS = "0" * 64
_CHAINED = (
    "org_id", "seq", "id", "type", "entity_type", "entity_id", "changes", "actor_type", "actor_id", "actor_name",
    "reason", "request_id", "data_hash", "previous_hash",
)  # fmt: skip


def hash_of_data(data: Any) -> str:
    """SHA-256, in hexadecimal, of a payload as JSON with sorted keys. It stays when the payload is emptied."""
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()


def hash_of(row: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of an event's columns and the hash before it."""
    chained = [row["created_at"].astimezone(UTC).isoformat(), *(row[name] for name in _CHAINED)]
    return hashlib.sha256(orjson.dumps(chained, option=orjson.OPT_SORT_KEYS)).hexdigest()
