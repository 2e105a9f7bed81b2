"""Every failure in the one envelope, and what an answer carries besides: its id, and headers against caches."""

import json
import re
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import Gone, TooManyRequests

from app import factory
from app.extensions import db
from app.factory import create_app
from app.http import fields
from app.http.blueprint import Blueprint
from app.http.guard import requires
from app.http.schema import Schema
from tests.support.client import ApiClient, Documented, assert_refused

API = "/api/v1"


class Planted(Schema):
    """What the planted routes take and give."""

    word = fields.Text(10, required=True)


@pytest.fixture
def planted(backend, make_client, monkeypatch):
    """A caller of an application with routes that fail in every way there is."""
    bp = Blueprint("planted", __name__, description="Failures.")

    def plant(name, failure):
        def view():
            failure()

        view.__name__, view.__doc__ = name, "Fail."
        bp.route(f"/{name.replace('_', '-')}", methods=("POST",))(requires(scope=None)(bp.response(200, Planted)(view)))

    def throw(error):
        def failure():
            raise error

        return failure

    plant("crash_once", throw(RuntimeError("the secret plan of SELECT * FROM api_keys")))
    plant("crash_sql", lambda: db.session.execute(sa.text("SELECT secret FROM nowhere")))
    plant("crash_deep", throw(RecursionError("maximum recursion depth exceeded")))
    plant("crash_memory", throw(MemoryError()))
    plant("lose_race", throw(IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed: x"))))
    plant("break_rule", throw(IntegrityError("INSERT", {}, Exception("CHECK constraint failed: x"))))
    plant("go_stale", throw(StaleDataError("UPDATE statement expected 1 row")))
    plant("stand_locked", throw(OperationalError("UPDATE", {}, Exception("database is locked"))))
    plant("lose_line", throw(OperationalError("SELECT", {}, Exception("server closed the connection"))))
    plant("be_gone", throw(Gone()))
    plant("be_hurried", throw(TooManyRequests(retry_after=7)))
    monkeypatch.setattr(factory, "BLUEPRINTS", (*factory.BLUEPRINTS, bp))
    app = create_app({"database_url": backend.url, "instance_path": backend.instance})
    yield ApiClient(app, Documented(app), make_client().key)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(
    "path",
    ["/nowhere", f"{API}/nowhere", "/", f"{API}", f"{API}/", f"{API}/me/", "/static/x", "/%00", f"{API}/customers/%ff"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_an_unknown_path_is_a_404_and_in_the_api_a_401_without_a_key(client, path, method):
    with client.app.test_client() as web:
        assert_refused(
            web.open(path, method=method, headers={"Authorization": f"Bearer {client.key}"}), 404, "not_found"
        )
        keyless = web.open(path, method=method)
    expected = (401, "unauthorized") if path.startswith(f"{API}/") else (404, "not_found")
    assert_refused(keyless, *expected)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/me", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/settings", {"GET", "HEAD", "OPTIONS", "PATCH"}),
        ("PROPFIND", "/taxes", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/taxes/0192f0c1-2b3c-7d4e-8f50-61728394a5b6", {"GET", "HEAD", "OPTIONS", "PATCH", "DELETE"}),
        ("GET", "/calculate", {"OPTIONS", "POST"}),
    ],
)
def test_a_verb_that_an_address_lacks_is_a_405_that_names_the_others(client, anonymous, method, path, allowed):
    response = client.open(method, path)
    assert_refused(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == allowed
    assert_refused(anonymous.open(method, path), 401, "unauthorized")


@pytest.mark.parametrize("name", ["crash-once", "crash-sql", "crash-deep", "crash-memory", "break-rule", "lose-line"])
def test_a_crash_is_a_500_that_tells_nothing(planted, name):
    response = planted.post(f"/{name}")
    error = assert_refused(response, 500, "internal_error")
    text = response.get_data(as_text=True)
    assert error["details"] == {}
    assert not re.search(r"Traceback|File \"|SELECT|secret|RuntimeError|sqlalchemy|constraint|\.py", text)
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("name", ["lose-race", "go-stale", "stand-locked"])
def test_losing_a_race_is_a_409(planted, name):
    response = planted.post(f"/{name}")
    error = assert_refused(response, 409, "conflict")
    assert "constraint" not in json.dumps(error)
    assert ("Retry-After" in response.headers) == (name == "stand-locked")


def test_werkzeugs_own_refusals_wear_the_envelope_and_keep_retry_after(planted):
    with planted.app.test_client() as web:
        gone = web.post(f"{API}/be-gone", headers={"Authorization": f"Bearer {planted.key}"})
    assert_refused(gone, 410, "gone")
    hurried = planted.post("/be-hurried")
    assert_refused(hurried, 429, "rate_limited")
    assert hurried.headers["Retry-After"] == "7"


def test_after_a_crash_the_next_request_works_and_nothing_is_left_open(planted):
    for _ in range(3):
        assert planted.post("/crash-sql").status_code == 500
        assert planted.get("/me").status_code == 200
    assert planted.post("/units", {"name": "fine"}).status_code == 201


def test_401_says_how_to_authenticate(anonymous, client):
    response = anonymous.get("/me")
    assert_refused(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="billhook"'
    assert "WWW-Authenticate" not in client.get("/nowhere").headers


class TestBodies:
    """400, 413, 415 and 422 of the body as a whole, on POST /units."""

    def send(self, client, data, content_type="application/json", **options):
        return client.open("POST", "/units", data=data, content_type=content_type, **options)

    @pytest.mark.parametrize(
        "data",
        [
            b"{",
            b"nonsense",
            b"{'name': 'x'}",
            b'{"name": "x",}',
            b'{"name": "x"} {}',
            b'{"name": undefined}',
            b" ",
            b"\x00",
            b'{"name": 01}',
            b'{"name": NaN}',
            b'{"name": Infinity}',
            b'{"name": -Infinity}',
            b'{"name": "a\x01b"}',
            b'{"name": "\\x41"}',
            b'{"name": +1}',
            b'{"name": .5}',
            b'{"name": 1.}',
            b'{"name": "x"',
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
        ],
    )
    def test_what_is_no_json_is_a_400(self, client, data):
        assert_refused(self.send(client, data), 400, "bad_request")

    @pytest.mark.parametrize(
        "data",
        [
            b"\xff",
            b'{"name": "\xc3\x28"}',
            b'{"name": "\xed\xa0\x80"}',
            '{"name": "x"}'.encode("utf-16"),
            '{"name": "é"}'.encode("latin-1"),
            b'\xef\xbb\xbf{"name": "x"}',
        ],
    )
    def test_what_is_no_utf8_is_a_400(self, client, data):
        assert_refused(self.send(client, data), 400, "bad_request")

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "text/json",
            "application/octet-stream",
            "nonsense",
        ],
    )
    def test_another_content_type_is_a_415(self, client, content_type):
        assert_refused(self.send(client, b'{"name": "x"}', content_type), 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"],
    )
    def test_json_by_any_of_its_names_is_taken(self, client, content_type):
        assert self.send(client, b'{"name": "hour"}', content_type).status_code == 201

    def test_no_body_at_all_is_an_empty_object(self, client):
        assert_refused(client.open("POST", "/units"), 422, "validation_error", field="name")
        assert_refused(self.send(client, b""), 422, "validation_error", field="name")

    @pytest.mark.parametrize("data", [b"null", b"[]", b'"x"', b"5", b"true", b"[{}]"])
    def test_json_that_is_no_object_is_a_422(self, client, data):
        assert_refused(self.send(client, data), 422, "validation_error", field="_schema")

    def test_a_name_given_twice_counts_once_the_last_time(self, client):
        made = self.send(client, b'{"name": "first", "name": "last"}')
        assert made.get_json()["name"] == "last"
        assert_refused(self.send(client, b'{"name": "x", "name": 5}'), 422, "validation_error", field="name")

    def test_escapes_are_the_characters_they_stand_for(self, client):
        assert self.send(client, b'{"name": "\\u00e9\\ud83e\\uddfe"}').get_json()["name"] == "é🧾"
        assert_refused(self.send(client, b'{"name": "\\u0000"}'), 422, "validation_error", field="name")
        assert_refused(self.send(client, b'{"name": "\\ud83e"}'), 422, "validation_error", field="name")

    def test_a_body_over_the_bound_is_a_413_by_its_length_alone(self, client):
        bound = client.app.config["MAX_CONTENT_LENGTH"]
        response = self.send(client, b'{"name": "' + b"x" * bound + b'"}')
        error = assert_refused(response, 413, "payload_too_large")
        assert error["details"] == {"max_bytes": bound}
        claimed = self.send(client, b"{}", environ_overrides={"CONTENT_LENGTH": str(bound + 1)})
        assert_refused(claimed, 413, "payload_too_large")

    def test_and_in_chunks_without_a_length(self, client):
        bound = client.app.config["MAX_CONTENT_LENGTH"]
        options = {
            "environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
            "headers": {"Transfer-Encoding": "chunked"},
        }
        assert_refused(self.send(client, b'{"name": "' + b"x" * bound + b'"}', **options), 413, "payload_too_large")
        padded = b'{"name": "x"}' + b" " * bound
        assert_refused(self.send(client, padded, **options), 413, "payload_too_large")
        assert self.send(client, b'{"name": "chunked"}', **options).status_code == 201

    def test_a_body_of_exactly_the_bound_is_read(self, client):
        bound = client.app.config["MAX_CONTENT_LENGTH"]
        body = b'{"name": "' + b"x" * (bound - 12) + b'"}'
        assert len(body) == bound
        assert_refused(self.send(client, body), 422, "validation_error", field="name")

    def test_ten_megabytes_are_refused(self, client):
        assert_refused(self.send(client, b" " * 10_000_000), 413, "payload_too_large")

    def test_what_the_caller_named_comes_back_short_and_printable(self, client):
        body = json.dumps({"name": "x", "n" * 5000: 1, "\ud800": 1, "\x00": 1}).encode()
        response = self.send(client, body)
        error = assert_refused(response, 422, "validation_error", field="n" * 80)
        assert len(error["message"]) <= 500
        many = json.dumps({f"{n:03}{'n' * 5000}": 1 for n in range(20)}).encode()
        assert len(assert_refused(self.send(client, many), 422, "validation_error")["message"]) <= 500

    def test_nothing_of_all_this_was_stored(self, client):
        for data in (b"{", b"null", b'{"name": 5}', b'{"name": "x", "more": 1}', b'{"name": ""}'):
            assert self.send(client, data).status_code >= 400
        assert client.get("/units").get_json()["meta"]["total"] == 0


class TestRequestId:
    """X-Request-Id: taken when it is sane, else made."""

    @pytest.mark.parametrize("given", ["a", "req-4711", "x" * 128, "A b:c/d?e=f~!"])
    def test_a_sane_one_is_taken(self, client, anonymous, given):
        for caller, path in ((client, "/me"), (client, "/nowhere"), (anonymous, "/me"), (anonymous, "/health")):
            response = caller.get(path, headers={"X-Request-Id": given})
            assert response.headers["X-Request-Id"] == given
            if response.status_code >= 400:
                assert response.get_json()["error"]["request_id"] == given

    @pytest.mark.parametrize("given", ["", "x" * 129, "é", "a\tb", "a\x7fb", "\x00"])
    def test_another_is_replaced(self, client, given):
        response = client.open("GET", "/me", environ_overrides={"HTTP_X_REQUEST_ID": given})
        made = response.headers["X-Request-Id"]
        assert made != given
        assert uuid.UUID(made).version == 7

    def test_every_request_has_its_own(self, client):
        assert len({client.get("/me").headers["X-Request-Id"] for _ in range(5)}) == 5


@pytest.mark.parametrize("path", ["/me", "/nowhere", "/health", "/openapi.json", "/taxes?page=x"])
def test_no_answer_is_sniffed_or_cached(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"]


def test_head_and_options_are_answered_without_a_body(client, anonymous):
    head = client.open("HEAD", "/me")
    assert (head.status_code, head.data) == (200, b"")
    assert anonymous.open("HEAD", "/me").status_code == 401
    options = anonymous.open("OPTIONS", "/taxes")
    assert options.status_code == 200
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert options.data == b""


@pytest.mark.parametrize("host", ["evil.example/x?", 'a"b', "a b", "<script>", "x" * 3000])
def test_a_strange_host_is_no_500(client, host):
    with client.app.test_client() as web:
        headers = {"Authorization": f"Bearer {client.key}"}
        response = web.get(f"{API}/units", headers=headers, environ_overrides={"HTTP_HOST": host})
    assert response.status_code in {200, 400}
    assert response.is_json
