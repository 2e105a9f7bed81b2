"""Billhook-Reason: text of at most 500 characters, in the two encodings that callers send."""

import pytest

from app.http.change import request_reason
from app.http.errors import Invalid
from tests.support.client import assert_refused


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (None, None),
        (b"", None),
        (b"Asked for by phone", "Asked for by phone"),
        ("Auf Wunsch geändert – Ärger".encode(), "Auf Wunsch geändert – Ärger"),
        ("請求書".encode(), "請求書"),
        ("geändert".encode("latin-1"), "geändert"),
        (b"x" * 500, "x" * 500),
        ("é".encode() * 500, "é" * 500),
    ],
)
def test_it_is_read_as_the_caller_meant_it(app, sent, read):
    # As a server hands it on: bytes as Latin-1.
    environ = {} if sent is None else {"HTTP_BILLHOOK_REASON": sent.decode("latin-1")}
    with app.test_request_context("/", environ_overrides=environ):
        assert request_reason() == read


@pytest.mark.parametrize("sent", [b"x" * 501, "é".encode() * 501, b"a\x00b", b"a\tb", b"\x80", "a\u202eb".encode()])
def test_what_is_too_long_or_cannot_be_printed_is_refused(app, client, sent):
    environ = {"HTTP_BILLHOOK_REASON": sent.decode("latin-1")}
    with app.test_request_context("/", environ_overrides=environ), pytest.raises(Invalid):
        request_reason()
    refused = client.open("POST", "/units", json={"name": "crate"}, environ_overrides=environ)
    assert_refused(refused, 422, "validation_error", field="Billhook-Reason")
    assert client.get("/units").get_json()["meta"]["total"] == 0


def test_it_stands_in_the_record_of_the_change(client):
    client.post("/units", {"name": "crate"}, headers={"Billhook-Reason": "Asked for by phone"})
    client.post("/units", {"name": "box"})
    newest = client.get("/audit-log?sort=-seq&limit=2").get_json()["data"]
    assert [row["reason"] for row in newest] == [None, "Asked for by phone"]


def test_outside_a_request_there_is_none(app):
    with app.app_context():
        assert request_reason() is None
    assert request_reason() is None
