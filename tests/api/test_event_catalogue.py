"""The catalogue of events as it is documented: in the OpenAPI document and in docs/events.md."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from app.cli.events import page
from app.events.declare import EXTENSION
from app.webhooks.signing import headers

PAGE = Path(__file__).resolve().parents[2] / "docs/events.md"
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def test_every_event_is_in_the_webhooks_section_with_the_shape_of_its_thing(app, documented):
    known = app.extensions[EXTENSION].events
    section = documented.document["webhooks"]
    assert section.keys() == known.keys()
    for name, event in known.items():
        operation = section[name]["post"]
        payload = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
        assert payload["event"] == {"const": name}
        assert payload["data"] == {"$ref": f"#/components/schemas/{event.shape}"}
        assert event.shape in documented.document["components"]["schemas"]
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
        assert 10 < len(operation["summary"]) < 121 and operation["summary"].endswith("."), name


def test_the_documented_headers_are_those_that_are_sent(documented):
    made = headers(["whsec_" + "A" * 32], delivery_id=uuid4(), event_id=uuid4(), event="x.y", body=b"", now=1)
    sent = made.keys() - {"Content-Type", "User-Agent"}
    operation = documented.document["webhooks"]["invoice.issued"]["post"]
    assert {each["name"] for each in operation["parameters"]} == sent


def test_the_page_is_what_the_command_prints(app):
    told = page(app.extensions[EXTENSION])
    assert PAGE.read_text(encoding="utf-8") == told, "run: flask events --markdown > docs/events.md"
