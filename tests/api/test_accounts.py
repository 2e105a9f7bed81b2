"""/me, /api-keys and /settings: who is calling, with which key, and how the organisation invoices."""

import base64
import hashlib
import io
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from PIL import Image

from app.accounts import access, keys
from app.accounts.models import ApiKey
from app.accounts.scopes import SCOPES
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from tests.support.client import ApiClient, Documented, assert_refused

UNKNOWN = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"


@pytest.fixture
def make_key(client):
    """Make a key of the client's organisation through the API: (its answer, a caller who holds it)."""

    def make(**fields):
        response = client.post("/api-keys", {"name": "Web shop", "scopes": ["*"], **fields})
        assert response.status_code == 201, response.get_json()
        body = response.get_json()
        return body, ApiClient(client.app, client.documented, body["key"], client.org_id)

    return make


@pytest.fixture
def forgetful(monkeypatch):
    """No key is remembered between two requests."""
    monkeypatch.setattr(access, "MEMORY_SECONDS", 0)


@contextmanager
def statements(app):
    """The SQL statements that run meanwhile."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def stored(app, key_id) -> ApiKey:
    with app.app_context(), crossing("a test looks at what is stored"), unit_of_work(write=False):
        return db.session.scalars(sa.select(ApiKey).where(ApiKey.id == UUID(key_id))).one()


def at(address):
    return {"environ_overrides": {"REMOTE_ADDR": address}}


class TestMe:
    """GET /me."""

    def test_it_shows_organisation_tier_key_and_user(self, client):
        body = client.get("/me").get_json()
        assert body["organization"]["id"] == str(client.org_id)
        assert body["organization"]["name"] == "Test GmbH"
        assert body["tier"] == body["organization"]["tier"] == "enterprise"
        assert body["user"]["role"] == "owner"
        assert body["user"]["email"].startswith("owner-")
        assert (body["key"]["name"], body["key"]["scopes"], body["key"]["actor_type"]) == ("Owner", ["*"], "user")
        assert body["key"]["last_used_at"]
        assert client.key not in str(body)

    def test_any_key_may_ask(self, with_scopes):
        body = with_scopes("events:read").get("/me").get_json()
        assert body["key"]["scopes"] == ["events:read"]
        assert "key" not in body["key"]

    def test_no_key_may_not(self, anonymous):
        assert_refused(anonymous.get("/me"), 401, "unauthorized")


class TestForm:
    """The form of a key, and what is stored of it."""

    def test_prefix_thirty_characters_and_a_checksum(self, make_key):
        body, _ = make_key()
        key = body["key"]
        assert key.startswith("bh_live_") and len(key) == 8 + 30 + 6 and key.isascii() and key[8:].isalnum()
        assert keys.well_formed(key)
        assert keys.checksum(key[:-6]) == key[-6:]
        assert (body["prefix"], body["last_four"]) == (key[:12], key[-4:])

    def test_no_two_are_alike(self):
        assert len({keys.generate() for _ in range(1000)}) == 1000

    def test_any_typing_error_is_seen_without_the_database(self, client):
        with statements(client.app) as seen:
            for place in range(8, len(client.key)):
                other = "A" if client.key[place] != "A" else "B"
                typed = client.key[:place] + other + client.key[place + 1 :]
                response = client.get("/me", headers={"Authorization": f"Bearer {typed}"})
                assert_refused(response, 401, "unauthorized")
        assert seen == []
        swapped = f"{client.key[:20]}{client.key[21]}{client.key[20]}{client.key[22:]}"
        assert swapped == client.key or not keys.well_formed(swapped)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Basic dXNlcjpwYXNz",
            "Bearer bh_live_",
            "Bearer bh_test_" + "0" * 36,
            "Bearer " + "x" * 5000,
            "Bearer bh_live_" + "é" * 36,
            "Bearer bh_live_" + "0" * 36,
            "Bearer bh_live_" + "٠" * 36,
            "bh_live_" + "0" * 36,
            "Bearer\tx",
            "\x00",
        ],
    )
    def test_what_is_no_key_is_a_401_without_the_database(self, anonymous, header):
        with statements(anonymous.app) as seen:
            response = anonymous.open("GET", "/me", environ_overrides={"HTTP_AUTHORIZATION": header})
        assert_refused(response, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert seen == []

    def test_a_well_formed_key_that_nobody_made_is_a_401(self, anonymous):
        response = anonymous.get("/me", headers={"Authorization": f"Bearer {keys.generate()}"})
        assert_refused(response, 401, "unauthorized")

    def test_the_scheme_is_read_in_any_case(self, client, anonymous):
        for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
            assert anonymous.get("/me", headers={"Authorization": f"{scheme} {client.key}"}).status_code == 200

    def test_the_secret_is_shown_once_and_only_its_sha256_is_stored(self, client, make_key):
        body, caller = make_key()
        row = stored(client.app, body["id"])
        assert row.hash == hashlib.sha256(body["key"].encode()).digest()
        values = [str(getattr(row, column.key)) for column in ApiKey.__table__.columns]
        assert not [value for value in values if body["key"] in value or body["key"][8:-6] in value]
        for answer in (
            client.get(f"/api-keys/{body['id']}"),
            client.get("/api-keys"),
            caller.get("/me"),
            client.patch(f"/api-keys/{body['id']}", {"name": "Renamed"}),
        ):
            assert body["key"] not in answer.get_data(as_text=True)
        assert "key" not in client.get(f"/api-keys/{body['id']}").get_json()


class TestKeys:
    """Making, changing, listing and revoking keys."""

    def test_made_with_all_its_fields(self, client):
        expires = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
        body = {
            "name": "Agent",
            "scopes": ["items:read", "items:write", "items:read"],
            "actor_type": "agent",
            "ip_allowlist": ["127.0.0.0/8", "2001:DB8::/32", "203.0.113.7"],
            "expires_at": expires.isoformat(),
        }
        response = client.post("/api-keys", body)
        made = response.get_json()
        assert response.status_code == 201
        assert made["scopes"] == ["items:read", "items:write"]
        assert made["ip_allowlist"] == ["127.0.0.0/8", "2001:db8::/32", "203.0.113.7/32"]
        assert made["actor_type"] == "agent"
        assert datetime.fromisoformat(made["expires_at"]) == expires
        assert (made["last_used_at"], made["revoked_at"]) == (None, None)
        shown = client.get(response.headers["Location"]).get_json()
        assert shown == {name: value for name, value in made.items() if name != "key"}

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"name": None}, "name"),
            ({"scopes": []}, "scopes"),
            ({"scopes": None}, "scopes"),
            ({"scopes": ["planets:read"]}, "scopes.0"),
            ({"scopes": "*"}, "scopes"),
            ({"scopes": ["items:read", 5]}, "scopes.1"),
            ({"actor_type": "robot"}, "actor_type"),
            ({"ip_allowlist": ["localhost"]}, "ip_allowlist.0"),
            ({"ip_allowlist": ["10.0.0.1/8"]}, "ip_allowlist.0"),
            ({"ip_allowlist": ["300.1.1.1"]}, "ip_allowlist.0"),
            ({"ip_allowlist": ["1"]}, "ip_allowlist.0"),
            ({"ip_allowlist": [5]}, "ip_allowlist.0"),
            ({"ip_allowlist": ["10.0.0.0/8"] * 101}, "ip_allowlist"),
            ({"ip_allowlist": None}, "ip_allowlist"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"expires_at": "tomorrow"}, "expires_at"),
            ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
            ({"id": UNKNOWN}, "id"),
            ({"hash": "x"}, "hash"),
            ({"org_id": UNKNOWN}, "org_id"),
        ],
    )
    def test_bad_values(self, client, make_key, change, field):
        made, _ = make_key()
        before = client.get("/api-keys").get_json()
        assert_refused(
            client.post("/api-keys", {"name": "x", "scopes": ["items:read"], **change}),
            422,
            "validation_error",
            field=field,
        )
        if field != "actor_type":
            assert_refused(client.patch(f"/api-keys/{made['id']}", change), 422, "validation_error", field=field)
        assert client.get("/api-keys").get_json() == before

    def test_changed(self, client, make_key, forgetful):
        made, caller = make_key(scopes=["items:read"])
        change = {
            "name": "New",
            "scopes": ["items:write", "items:write"],
            "ip_allowlist": ["127.0.0.1"],
            "expires_at": None,
        }
        changed = client.patch(f"/api-keys/{made['id']}", change).get_json()
        assert (changed["name"], changed["scopes"], changed["ip_allowlist"]) == (
            "New",
            ["items:write"],
            ["127.0.0.1/32"],
        )
        assert_refused(caller.get("/items"), 403, "forbidden")
        assert caller.post("/items", {"name": "x", "price": 1}).status_code == 201

    def test_a_change_counts_at_once_in_this_process(self, client, make_key):
        made, caller = make_key(scopes=["items:read"])
        assert caller.get("/items").status_code == 200
        client.patch(f"/api-keys/{made['id']}", {"scopes": ["items:write"]})
        assert_refused(caller.get("/items"), 403, "forbidden")

    def test_listed_by_name_newest_first_with_the_revoked_ones(self, client, make_key):
        first, _ = make_key(name="first")
        second, _ = make_key(name="second")
        client.delete(f"/api-keys/{first['id']}")
        assert [key["name"] for key in client.get("/api-keys").get_json()["data"]] == ["second", "first", "Owner"]
        assert [key["id"] for key in client.get("/api-keys?revoked=true").get_json()["data"]] == [first["id"]]
        assert {key["name"] for key in client.get("/api-keys?revoked=false").get_json()["data"]} == {"second", "Owner"}
        assert [key["id"] for key in client.get("/api-keys?search=SEC").get_json()["data"]] == [second["id"]]

    def test_revoked_at_once_for_good_and_twice_is_no_error(self, client, make_key):
        made, caller = make_key()
        assert caller.get("/me").status_code == 200
        assert client.delete(f"/api-keys/{made['id']}").status_code == 204
        assert_refused(caller.get("/me"), 401, "unauthorized")
        revoked_at = client.get(f"/api-keys/{made['id']}").get_json()["revoked_at"]
        assert revoked_at
        assert client.delete(f"/api-keys/{made['id']}").status_code == 204
        assert client.get(f"/api-keys/{made['id']}").get_json()["revoked_at"] == revoked_at
        assert_refused(client.patch(f"/api-keys/{made['id']}", {"name": "x"}), 409, "conflict")
        assert_refused(caller.get("/me"), 401, "unauthorized")

    def test_a_key_may_revoke_itself(self, make_key):
        made, caller = make_key()
        assert caller.delete(f"/api-keys/{made['id']}").status_code == 204
        assert_refused(caller.get("/me"), 401, "unauthorized")

    def test_revoked_in_another_process_it_is_dead_here_within_a_second(self, client, make_key, backend):
        other = create_app({"database_url": backend.url, "instance_path": backend.instance})
        made, caller = make_key()
        elsewhere = ApiClient(other, caller.documented, caller.key)
        assert elsewhere.get("/me").status_code == 200
        client.delete(f"/api-keys/{made['id']}")
        time.sleep(0.85)
        assert_refused(elsewhere.get("/me"), 401, "unauthorized")
        with other.app_context():
            db.engine.dispose()

    def test_an_unknown_key_is_a_404(self, client):
        for method in ("GET", "PATCH", "DELETE"):
            assert_refused(client.open(method, f"/api-keys/{UNKNOWN}", json={}), 404, "not_found")

    def test_a_failed_change_leaves_the_key_as_it_was(self, client, make_key):
        made, caller = make_key(scopes=["items:read"])
        assert caller.get("/items").status_code == 200
        refused = client.patch(
            f"/api-keys/{made['id']}", {"scopes": ["customers:read"], "expires_at": "2020-01-01T00:00:00Z"}
        )
        assert_refused(refused, 422, "validation_error", field="expires_at")
        assert caller.get("/items").status_code == 200
        assert client.get(f"/api-keys/{made['id']}").get_json()["scopes"] == ["items:read"]


class TestScopes:
    """A key never grants more than it holds."""

    def test_not_when_it_makes_one(self, with_scopes):
        admin = with_scopes("keys:admin", "items:read")
        assert admin.post("/api-keys", {"name": "x", "scopes": ["items:read"]}).status_code == 201
        for scopes, missing in (
            (["items:write"], ["items:write"]),
            (["*"], ["*"]),
            (["items:read", "invoices:read", "audit:read"], ["audit:read", "invoices:read"]),
        ):
            error = assert_refused(admin.post("/api-keys", {"name": "x", "scopes": scopes}), 403, "forbidden")
            assert error["details"]["required_scopes"] == missing

    def test_all_the_scopes_by_name_are_not_the_star(self, with_scopes):
        everything = with_scopes(*SCOPES)
        assert everything.post("/api-keys", {"name": "x", "scopes": list(SCOPES)}).status_code == 201
        assert_refused(everything.post("/api-keys", {"name": "x", "scopes": ["*"]}), 403, "forbidden")

    def test_not_when_it_changes_one_nor_itself(self, client, with_scopes):
        admin = with_scopes("keys:admin", "items:read")
        own = admin.get("/me").get_json()["key"]["id"]
        small = admin.post("/api-keys", {"name": "x", "scopes": ["items:read"]}).get_json()["id"]
        for key_id in (own, small):
            assert_refused(
                admin.patch(f"/api-keys/{key_id}", {"scopes": ["items:read", "invoices:void"]}), 403, "forbidden"
            )
            assert_refused(admin.patch(f"/api-keys/{key_id}", {"scopes": ["*"]}), 403, "forbidden")
        assert client.get(f"/api-keys/{small}").get_json()["scopes"] == ["items:read"]

    def test_it_does_not_change_a_key_that_holds_more(self, client, with_scopes):
        admin = with_scopes("keys:admin")
        owners = client.get("/me").get_json()["key"]["id"]
        for change in ({"name": "Mine"}, {"ip_allowlist": []}, {"expires_at": None}, {"scopes": ["keys:admin"]}):
            assert_refused(admin.patch(f"/api-keys/{owners}", change), 403, "forbidden")
        assert client.get("/me").get_json()["key"]["name"] == "Owner"

    def test_every_scope_can_be_held_and_the_document_lists_them(self, client):
        assert client.post("/api-keys", {"name": "x", "scopes": [*SCOPES, "*"]}).status_code == 201
        listed = client.documented.document["components"]["schemas"]["ApiKeyIn"]["properties"]["scopes"]["items"][
            "enum"
        ]
        assert listed == [*SCOPES, "*"]


class TestExpiry:
    """expires_at: dead from that instant on, remembered or not."""

    def test_it_works_until_then(self, client, make_key):
        start = datetime.now(UTC)
        made, caller = make_key(expires_at=(start + timedelta(hours=1)).isoformat())
        assert caller.get("/me").status_code == 200
        with time_machine.travel(start + timedelta(minutes=59)):
            assert caller.get("/me").status_code == 200
        with time_machine.travel(start + timedelta(hours=1, seconds=1)):
            assert_refused(caller.get("/me"), 401, "unauthorized")
            assert client.get(f"/api-keys/{made['id']}").get_json()["revoked_at"] is None
            longer = client.patch(f"/api-keys/{made['id']}", {"expires_at": (start + timedelta(hours=2)).isoformat()})
            assert longer.status_code == 200
            assert caller.get("/me").status_code == 200

    def test_any_offset_is_the_same_instant(self, client):
        made = client.post(
            "/api-keys", {"name": "x", "scopes": ["*"], "expires_at": "2999-01-01T02:00:00+02:00"}
        ).get_json()
        assert made["expires_at"] == "2999-01-01T00:00:00.000Z"


class TestLastUsed:
    """last_used_at is written at most once a minute."""

    def test_once_a_minute(self, client, make_key, forgetful):
        start = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
        made, caller = make_key()

        def used(seconds):
            with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
                assert caller.get("/me").status_code == 200
            return stored(client.app, made["id"]).last_used_at

        assert stored(client.app, made["id"]).last_used_at is None
        assert used(0) == start
        assert used(30) == start
        assert used(59) == start
        assert used(61) == start + timedelta(seconds=61)
        assert used(100) == start + timedelta(seconds=61)

    def test_within_the_minute_nothing_is_written(self, client, make_key):
        _, caller = make_key()
        caller.get("/me")
        with statements(client.app) as seen:
            for _ in range(5):
                assert caller.get("/me").status_code == 200
        assert not [each for each in seen if each.startswith(("UPDATE", "INSERT", "DELETE"))]

    def test_being_used_is_no_change_of_the_key(self, client, make_key):
        made, caller = make_key()
        before = stored(client.app, made["id"]).updated_at
        caller.get("/me")
        assert stored(client.app, made["id"]).updated_at == before

    def test_a_refused_key_was_not_used(self, client, make_key):
        made, caller = make_key(ip_allowlist=["203.0.113.0/24"])
        assert_refused(caller.get("/me"), 401, "unauthorized")
        assert stored(client.app, made["id"]).last_used_at is None


class TestAddresses:
    """ip_allowlist: networks of IPv4 and IPv6."""

    @pytest.mark.parametrize(
        ("networks", "address", "allowed"),
        [
            (["203.0.113.0/24"], "203.0.113.9", True),
            (["203.0.113.0/24"], "203.0.114.9", False),
            (["203.0.113.7"], "203.0.113.7", True),
            (["203.0.113.7"], "203.0.113.8", False),
            (["2001:db8::/32"], "2001:db8::1", True),
            (["2001:db8::/32"], "2001:db9::1", False),
            (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
            (["203.0.113.0/24"], "::ffff:203.0.114.9", False),
            (["2001:db8::/32"], "203.0.113.9", False),
            (["203.0.113.0/24"], "2001:db8::1", False),
            (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::5", True),
            (["::/0"], "203.0.113.9", False),
            (["0.0.0.0/0"], "203.0.113.9", True),
            (["203.0.113.0/24"], "", False),
            (["203.0.113.0/24"], "unix:", False),
            ([], "203.0.113.9", True),
            ([], "", True),
        ],
    )
    def test_who_may_call(self, make_key, networks, address, allowed):
        _, caller = make_key(ip_allowlist=networks)
        for _ in range(2):
            response = caller.open("GET", "/me", **at(address))
            assert response.status_code == (200 if allowed else 401)

    def test_x_forwarded_for_is_nobodys_proof(self, make_key):
        _, caller = make_key(ip_allowlist=["203.0.113.0/24"])
        for header in ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Client-Ip"):
            response = caller.open("GET", "/me", headers={header: "203.0.113.9"}, **at("198.51.100.1"))
            assert_refused(response, 401, "unauthorized")

    def test_a_remembered_key_is_asked_again_where_it_comes_from(self, make_key):
        _, caller = make_key(ip_allowlist=["203.0.113.0/24"])
        assert caller.open("GET", "/me", **at("203.0.113.9")).status_code == 200
        assert_refused(caller.open("GET", "/me", **at("198.51.100.1")), 401, "unauthorized")


def test_all_that_is_wrong_with_a_key_is_told_in_the_same_words(client, make_key, anonymous):
    start = datetime.now(UTC)
    revoked, one = make_key()
    client.delete(f"/api-keys/{revoked['id']}")
    _, two = make_key(ip_allowlist=["203.0.113.0/24"])
    _, three = make_key(expires_at=(start + timedelta(minutes=1)).isoformat())
    unknown = ApiClient(client.app, client.documented, keys.generate())
    with time_machine.travel(start + timedelta(minutes=2)):
        messages = {caller.get("/me").get_json()["error"]["message"] for caller in (one, two, three, unknown)}
    assert len(messages) == 1


class TestMemory:
    """Keys seen a moment ago cost no look-up; the memory is bounded."""

    def test_a_second_request_asks_for_no_key(self, client):
        client.get("/units")
        with statements(client.app) as seen:
            client.get("/units")
        assert not [each for each in seen if "api_keys" in each]

    def test_it_is_emptied_when_it_is_full(self, client, make_key, monkeypatch):
        monkeypatch.setattr(access, "MOST_REMEMBERED", 2)
        callers = [make_key()[1] for _ in range(4)]
        for caller in callers * 2:
            assert caller.get("/me").status_code == 200
        assert len(client.app.extensions["billhook.access"]._known) <= 2

    def test_a_guessed_key_is_not_remembered(self, client, anonymous):
        before = len(client.app.extensions["billhook.access"]._known)
        for _ in range(5):
            anonymous.get("/me", headers={"Authorization": f"Bearer {keys.generate()}"})
        assert len(client.app.extensions["billhook.access"]._known) <= before


def picture(form="PNG", size=(40, 20), mode="RGB", **options):
    data = io.BytesIO()
    Image.new(mode, size, 128 if mode in {"L", "P"} else (200, 30, 30, 128)[: len(mode)]).save(data, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


SELLER = {
    "legal_name": "Acme Corporation GmbH",
    "vat_id": "DE123456789",
    "tax_number": "12/345/67890",
    "registration_id": "HRB 12345",
    "registration_scheme": "0002",
    "electronic_address": "9930:DE123456789",
    "electronic_scheme": "9930",
    "contact_name": "Jo Doe",
    "email": "billing@acme.example",
    "phone": "+49 30 1",
    "website": "https://acme.example",
    "iban": "DE89370400440532013000",
    "bic": "COBADEFFXXX",
    "account_name": "Acme",
    "address": {
        "name": None,
        "line1": "Hauptstraße",
        "building_number": "12a",
        "line2": None,
        "city": "Berlin",
        "region": None,
        "postal_code": "10115",
        "country": "DE",
        "phone": None,
    },
}


class TestSettings:
    """GET and PATCH /settings."""

    def test_a_new_organisation_has_sound_defaults(self, client):
        body = client.get("/settings").get_json()
        assert body["organization_id"] == str(client.org_id)
        shown = {
            name: body[name]
            for name in (
                "name",
                "currency",
                "timezone",
                "locale",
                "payment_terms",
                "tax_inclusive",
                "rounding",
                "brand_color",
                "logo",
            )
        }
        assert shown == {
            "name": "Test GmbH",
            "currency": "EUR",
            "timezone": "UTC",
            "locale": "en",
            "payment_terms": "Net 30",
            "tax_inclusive": False,
            "rounding": "group",
            "brand_color": "#1f4e79",
            "logo": None,
        }
        assert set(body["seller"]) == set(SELLER)

    def test_every_setting_makes_the_round_trip(self, client):
        change = {
            "name": "Acme Corp",
            "currency": "KWD",
            "timezone": "Asia/Kuwait",
            "locale": "de_DE",
            "payment_terms": "EOM+15",
            "tax_inclusive": True,
            "rounding": "line",
            "seller": SELLER,
            "invoice_notes": "Thank you.\nDanke.",
            "invoice_terms": "Pay\tsoon",
            "invoice_footer": "Footer",
            "brand_color": "#ABCDEF",
        }
        described = set(client.documented.document["components"]["schemas"]["SettingsPatch"]["properties"])
        assert described == {*change, "logo"}, "a new setting? let it make the trip"
        answer = client.patch("/settings", change)
        assert answer.status_code == 200, answer.get_json()
        for body in (answer.get_json(), client.get("/settings").get_json()):
            assert {name: body[name] for name in change} == change
        assert client.get("/me").get_json()["organization"]["name"] == "Acme Corp"

    def test_what_is_left_out_stays_and_the_sellers_block_is_replaced_whole(self, client):
        client.patch("/settings", {"seller": SELLER, "invoice_notes": "x"})
        before = client.get("/settings").get_json()
        client.patch("/settings", {"locale": "fr"})
        after = client.get("/settings").get_json()
        assert {**before, "locale": "fr", "updated_at": after["updated_at"]} == after
        assert after["updated_at"] > before["updated_at"]
        client.patch("/settings", {"seller": {"vat_id": "FR12345678901"}, "invoice_notes": None})
        body = client.get("/settings").get_json()
        assert {name: value for name, value in body["seller"].items() if value} == {"vat_id": "FR12345678901"}
        assert body["invoice_notes"] is None
        assert client.patch("/settings", {}).status_code == 200

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ({"payment_terms": "n30"}, {"payment_terms": "Net 30"}),
            ({"payment_terms": "due on receipt"}, {"payment_terms": "Due on receipt"}),
            ({"locale": "pt-BR"}, {"locale": "pt_BR"}),
            ({"locale": "de"}, {"locale": "de"}),
            ({"timezone": "America/New_York"}, {"timezone": "America/New_York"}),
            ({"currency": "JPY"}, {"currency": "JPY"}),
            ({"invoice_notes": "a\r\nb"}, {"invoice_notes": "a\nb"}),
            ({"name": "Ünïcødé 🧾"}, {"name": "Ünïcødé 🧾"}),
        ],
    )
    def test_values_are_kept_in_one_spelling(self, client, given, kept):
        body = client.patch("/settings", given).get_json()
        assert {name: body[name] for name in kept} == kept

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "   "}, "name"),
            ({"name": None}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"currency": "eur"}, "currency"),
            ({"currency": "XXX"}, "currency"),
            ({"currency": "EURO"}, "currency"),
            ({"currency": None}, "currency"),
            ({"timezone": "Berlin"}, "timezone"),
            ({"timezone": "../../etc/passwd"}, "timezone"),
            ({"timezone": "utc+1"}, "timezone"),
            ({"timezone": ""}, "timezone"),
            ({"locale": "klingon"}, "locale"),
            ({"locale": ""}, "locale"),
            ({"locale": "../de"}, "locale"),
            ({"locale": "de_XX_YY_ZZ"}, "locale"),
            ({"payment_terms": "someday"}, "payment_terms"),
            ({"payment_terms": "Net 99999"}, "payment_terms"),
            ({"payment_terms": ""}, "payment_terms"),
            ({"tax_inclusive": "yes"}, "tax_inclusive"),
            ({"tax_inclusive": 1}, "tax_inclusive"),
            ({"tax_inclusive": None}, "tax_inclusive"),
            ({"rounding": "bank"}, "rounding"),
            ({"seller": None}, "seller"),
            ({"seller": []}, "seller"),
            ({"seller": {"vat": "x"}}, "seller.vat"),
            ({"seller": {"iban": "DE00370400440532013000"}}, "seller.iban"),
            ({"seller": {"bic": "abc"}}, "seller.bic"),
            ({"seller": {"email": "nobody"}}, "seller.email"),
            ({"seller": {"website": "javascript:alert(1)"}}, "seller.website"),
            ({"seller": {"address": {"country": "XX"}}}, "seller.address.country"),
            ({"seller": {"address": {"street": "x"}}}, "seller.address.street"),
            ({"brand_color": "red"}, "brand_color"),
            ({"brand_color": "#12345"}, "brand_color"),
            ({"brand_color": "#1234567"}, "brand_color"),
            ({"invoice_notes": "x" * 4001}, "invoice_notes"),
            ({"invoice_footer": "x" * 501}, "invoice_footer"),
            ({"invoice_terms": 5}, "invoice_terms"),
            ({"organization_id": UNKNOWN}, "organization_id"),
            ({"tier": "enterprise"}, "tier"),
        ],
    )
    def test_bad_values_change_nothing(self, client, change, field):
        before = client.get("/settings").get_json()
        assert_refused(client.patch("/settings", {"locale": "fr", **change}), 422, "validation_error", field=field)
        assert client.get("/settings").get_json() == before

    def test_a_new_time_zone_is_the_callers_at_once(self, client):
        with time_machine.travel(datetime(2026, 3, 1, 23, 30, tzinfo=UTC)):
            customer = client.post("/customers", {"name": "x"}).get_json()["id"]
            body = {"customer_id": customer, "lines": [{"name": "x", "unit_price": 1}]}
            assert client.post("/invoices", body).get_json()["issue_date"] == "2026-03-01"
            client.patch("/settings", {"timezone": "Asia/Tokyo"})
            assert client.post("/invoices", body).get_json()["issue_date"] == "2026-03-02"


class TestLogo:
    """A logo is drawn anew: a small PNG, whatever came."""

    @pytest.mark.parametrize(
        "given",
        [
            picture("PNG"),
            picture("JPEG"),
            picture("GIF", mode="P"),
            picture("WEBP"),
            picture("PNG", mode="RGBA"),
            picture("PNG", mode="L"),
            picture("PNG").replace("image/png", "image/jpeg"),
        ],
        ids=["png", "jpeg", "gif", "webp", "transparent", "grey", "misnamed"],
    )
    def test_it_becomes_a_png(self, client, given):
        body = client.patch("/settings", {"logo": given}).get_json()
        assert body["logo"].startswith("data:image/png;base64,")
        assert opened(body["logo"]).format == "PNG"
        assert opened(body["logo"]).size == (40, 20)
        assert client.get("/settings").get_json()["logo"] == body["logo"]

    def test_it_becomes_small_and_loses_what_it_carried(self, client):
        exif = Image.Exif()
        exif[0x010E] = "where I live"
        body = client.patch("/settings", {"logo": picture("JPEG", size=(3000, 1000), exif=exif)}).get_json()
        shown = opened(body["logo"])
        assert shown.size[0] <= 1200 and shown.size[1] <= 600
        assert b"where I live" not in base64.b64decode(body["logo"].partition(",")[2])

    def test_a_picture_full_of_noise_still_fits_what_is_documented(self, client):
        data = io.BytesIO()
        Image.effect_noise((1200, 600), 200).convert("RGB").save(data, "JPEG", quality=40)
        uri = f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
        body = client.patch("/settings", {"logo": uri}).get_json()
        most = client.documented.document["components"]["schemas"]["SettingsOut"]["properties"]["logo"]["maxLength"]
        assert len(body["logo"]) <= most
        assert opened(body["logo"]).size[0] > 500
        assert client.patch("/settings", {"logo": body["logo"]}).status_code == 200

    def test_null_takes_it_away(self, client):
        client.patch("/settings", {"logo": picture()})
        assert client.patch("/settings", {"logo": None}).get_json()["logo"] is None

    @pytest.mark.parametrize(
        "bad",
        [
            "",
            "x",
            "https://acme.example/logo.png",
            "file:///etc/passwd",
            "data:image/png;base64,",
            "data:image/png;base64,!!!!",
            "data:image/png,abc",
            "data:text/html;base64,PGI+",
            "data:image/svg+xml;base64," + base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(),
            "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 100).decode(),
            picture("BMP"),
            picture("TIFF"),
            picture()[:-40],
            "data:image/png;base64," + "A" * 1_399_000,
            "x" * 1_400_001,
            "data:image/png;base64,\x00",
        ],
    )
    def test_what_is_no_picture_is_refused(self, client, bad):
        client.patch("/settings", {"logo": picture()})
        before = client.get("/settings").get_json()
        assert_refused(
            client.patch("/settings", {"logo": bad, "name": "Changed"}), 422, "validation_error", field="logo"
        )
        assert client.get("/settings").get_json() == before

    def test_a_bomb_is_refused_by_its_header(self, client):
        data = io.BytesIO()
        Image.new("1", (5_000, 5_000)).save(data, "PNG")
        uri = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
        started = time.perf_counter()
        assert_refused(client.patch("/settings", {"logo": uri}), 422, "validation_error", field="logo")
        assert time.perf_counter() - started < 2


def test_documented_shapes_hold_no_secret(documented: Documented):
    shapes = documented.document["components"]["schemas"]
    secretive = {name for name, shape in shapes.items() if {"key", "secret", "hash"} & set(shape.get("properties", {}))}
    # The key of /me is the key's facts; the hash of an audit entry is one of the chain; callers may give webhooks
    # secrets of their own.
    assert secretive == {"ApiKeyCreated", "MeOut", "AuditEntry", "WebhookWithSecret", "WebhookIn", "RotateIn"}
