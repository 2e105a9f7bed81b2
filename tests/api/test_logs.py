"""The log: one structured line a request, everything else in the same form, and no secret in any of it."""

import io
import json
import logging
from dataclasses import fields

import pytest
import sqlalchemy as sa

from app.config import Settings
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from app.http import guard
from app.http.logs import route
from app.http.masking import Masker, shown_key

KEY = "bh_live_" + "Ab3" * 10 + "xyzWQ9"
SECRET = "Zq7-hunter2-Kp9"
MASKED = "***"


@pytest.fixture
def lines(capfd):
    """What has been logged since the last look, as objects."""

    def read():
        return [json.loads(line) for line in capfd.readouterr().err.splitlines()]

    read()
    return read


def access(found):
    return [line for line in found if line["logger"] == "app.access"]


def test_a_request_is_one_line(client, lines):
    lines()
    answer = client.get("/customers?limit=1")
    [line] = lines()
    assert set(line) == {
        "timestamp",
        "level",
        "logger",
        "event",
        "request_id",
        "organization",
        "key",
        "method",
        "path",
        "status",
        "duration_ms",
        "remote",
    }
    assert (line["level"], line["event"], line["method"], line["status"]) == ("info", "request", "GET", 200)
    assert line["path"] == "/api/v1/customers"
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert line["organization"] == str(client.org_id)
    assert line["key"] == f"bh_live_…{client.key[-4:]}"
    assert 0 < line["duration_ms"] < 60_000
    assert line["remote"] == "127.0.0.1"
    assert line["timestamp"].endswith("Z")


def test_a_path_is_written_as_its_template(client, make_invoice, lines):
    url = client.post(f"/invoices/{make_invoice()['id']}/pdf").get_json()["url"]
    token = url.rpartition("/")[2]
    assert client.get(f"/files/{token}").status_code == 200
    client.get("/nothing/here")
    found = access(lines())
    assert [line["path"] for line in found[-3:]] == [
        "/api/v1/invoices/<uuid:invoice_id>/pdf",
        "/api/v1/files/<signed>",
        None,
    ]
    assert token not in json.dumps(found)


def test_a_refused_caller_is_logged_without_a_key(anonymous, lines):
    assert anonymous.get("/customers", headers={"Authorization": f"Bearer {KEY}"}).status_code == 401
    [line] = access(lines())
    assert (line["status"], line["organization"], line["key"]) == (401, None, None)


def test_probes_are_quiet_unless_asked_for(tmp_path, lines):
    for level, expected in (("INFO", 0), ("DEBUG", 2)):
        web = create_app({"instance_path": tmp_path, "log_level": level}).test_client()
        lines()
        web.get("/health")
        web.get("/health/ready")
        found = access(lines())
        assert [line["level"] for line in found] == ["debug"] * expected


def test_a_level_above_info_writes_no_access_lines(tmp_path, lines):
    web = create_app({"instance_path": tmp_path, "log_level": "WARNING"}).test_client()
    web.get("/openapi.json")
    assert lines() == []


def test_a_failure_is_logged_with_its_traceback(client, lines, monkeypatch):
    def fail(*_):
        raise RuntimeError("the roof is on fire: postgresql://billhook:hunter22@db/x")

    monkeypatch.setattr(guard, "check", fail)
    answer = client.get("/customers")
    failure, line = lines()
    assert answer.status_code == line["status"] == 500
    assert failure["level"] == "error"
    assert failure["logger"] == "app.http.errors"
    assert (failure["organization"], failure["key"]) == (str(client.org_id), f"bh_live_…{client.key[-4:]}")
    assert failure["request_id"] == line["request_id"] == answer.headers["X-Request-Id"]
    assert failure["exception"].startswith("Traceback")
    assert "postgresql://billhook:***@db/x" in failure["exception"]
    assert "hunter22" not in json.dumps(failure)


def test_a_failed_statement_is_logged_without_its_values(client, lines, monkeypatch):
    def fail(*_):
        with unit_of_work():
            db.session.execute(sa.text("SELECT :given FROM nowhere"), {"given": SECRET})

    monkeypatch.setattr(guard, "check", fail)
    assert client.get("/customers").status_code == 500
    said = json.dumps(lines())
    assert "FROM nowhere" in said
    assert SECRET not in said
    assert MASKED not in said, "it was left out, not masked"


def test_other_packages_are_routed_through_it(app, lines):
    route(app.config["BILLHOOK"])
    logging.getLogger("alembic.runtime").warning("strange %s", "table", extra={"password": SECRET, "count": 3})
    [line] = lines()
    assert (line["logger"], line["level"], line["event"]) == ("alembic.runtime", "warning", "strange table")
    assert (line["password"], line["count"]) == (MASKED, 3)


def with_secret(name):
    """A value of a setting that holds a secret, or None where none can be in it."""
    return {
        "secret_key": SECRET * 3,
        "metrics": f"token:{SECRET * 2}",
        "database_url": f"postgresql://billhook:{SECRET}@127.0.0.1:1/billhook",
        "redis_url": f"redis://:{SECRET}@127.0.0.1:1/0",
        "smtp_url": f"smtp+starttls://billhook:{SECRET}@127.0.0.1:1",
    }.get(name)


@pytest.mark.parametrize(
    "name", [each.name for each in fields(Settings) if "_url" in each.name or with_secret(each.name)]
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_setting_tells_its_secret(tmp_path, capfd, name, form):
    given = with_secret(name) or f"https://user:{SECRET}@example.com"
    app = create_app({"instance_path": tmp_path, "log_format": form, name: given})
    kept = getattr(app.config["BILLHOOK"], name)
    try:
        raise ValueError(f"cannot use {kept}")  # noqa: TRY301 - a traceback is what is looked at
    except ValueError:
        app.logger.exception("set to %s or %r", kept, {name: kept}, extra={"given": kept, "nested": [{"x": kept}]})
    app.logger.warning("only %s of it", SECRET * 2 if name == "metrics" else SECRET * 3)
    said = capfd.readouterr().err
    assert said.count(MASKED) >= 5
    for secret in (SECRET, "hunter2"):
        assert secret not in said


HEADERS = {
    "Authorization": [f"Bearer {KEY}", f"Basic {SECRET}", f"bearer   {SECRET}", SECRET],
    "Proxy-Authorization": [f"Basic {SECRET}"],
    "Cookie": [f"session={SECRET}; other=1"],
    "Set-Cookie": [f"session={SECRET}; HttpOnly"],
    "X-Api-Key": [SECRET],
    "X-Request-Id": [KEY],
    "Webhook-Secret": [f"whsec_{SECRET}"],
    "Billhook-Signature": [SECRET],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HEADERS.items() for value in values])
def test_no_header_tells_its_secret(app, lines, name, value):
    route(app.config["BILLHOOK"])
    log = logging.getLogger("app.test")
    app.test_client().get("/api/v1/customers", headers={name: value})
    for text in (f"{name}: {value}", f"{ {name: value} }", f'"{name.lower()}": "{value}"', f"{name}={value}&x=1"):
        log.warning("got %s", text)
        log.warning("got", extra={"headers": {name: value}, "pairs": [text]})
    said = json.dumps(lines(), ensure_ascii=False)
    assert "got" in said
    for secret in (SECRET, "hunter2", KEY, KEY[8:-4]):
        assert secret not in said


def test_what_is_no_secret_stays_readable():
    mask = Masker(["long-enough"]).text
    for text in (
        "POST /api/v1/invoices",
        "https://user@example.com/a:b@c",
        "the bearer of news",
        "12:30 a@b",
        shown_key(KEY),
    ):
        assert mask(text) == text
    assert mask(f"key {KEY}.") == f"key bh_live_…{KEY[-4:]}."
    assert mask("x long-enough y") == "x *** y"


def test_text_is_for_people_and_nobody_can_forge_a_line(tmp_path, capfd):
    app = create_app({"instance_path": tmp_path, "log_format": "text"})
    capfd.readouterr()
    app.logger.warning("first\n2026-01-01T00:00:00Z INFO app [-] forged", extra={"name_given": "a b\nc"})
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert " WARNING app [-] first\\n" in said
    assert 'name_given="a b\\nc"' in said


def test_json_is_the_form_wherever_nobody_reads_along(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    from app.config import load, log_format  # noqa: PLC0415 - beside its only use

    settings = load({}, {"instance_path": tmp_path})
    assert log_format(settings) == "json"
    monkeypatch.setattr("sys.stderr", Terminal())
    assert log_format(settings) == "text"
    assert log_format(load({}, {"instance_path": tmp_path, "log_format": "json"})) == "json"
