"""The order of refusal, proved with a gated blueprint of this test alone: 401, 402, 403, then everything else."""

import io

import pytest

from app import factory
from app.accounts import scopes
from app.accounts import service as accounts
from app.data.tenancy import crossing, current_organization
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from app.http import fields
from app.http.blueprint import Blueprint
from app.http.guard import public, requires
from app.http.principal import principal
from app.http.schema import Schema
from tests.support.client import ApiClient, Documented, assert_refused


class Word(Schema):
    """A word."""

    word = fields.Text(10, required=True, example="word")


class WordQuery(Schema):
    """How to say it."""

    loud = fields.Flag(load_default=False)


class Unreadable(io.BytesIO):
    """A body that must not be read."""

    touched = False

    def read(self, *_args):
        self.touched = True
        return b""

    readline = read


def gated() -> Blueprint:
    bp = Blueprint("word_games", __name__, description="A gated feature.")

    @bp.route("/words/<int:number>", methods=("POST",))
    @requires(scope="items:write", tier="advanced")
    @bp.arguments(WordQuery, location="query")
    @bp.arguments(Word)
    @bp.response(201, Word)
    def create_word(query, data, number):
        """Say a word."""
        return data

    @bp.route("/words")
    @requires(scope="words:read", tier="pro")
    @bp.response(200, Word)
    def get_word():
        """Show the word."""
        return {"word": f"{str(current_organization())[:8]}"[:10]}

    @bp.route("/open-words")
    @public("a test of what a public endpoint may not do")
    @bp.response(200, Word)
    def get_open_word():
        """Show a word to all."""
        return {"word": principal().tier}

    return bp


@pytest.fixture
def games(backend, monkeypatch):
    """The application with the gated feature; its own scope exists while the test runs."""
    monkeypatch.setitem(scopes.SCOPES, "words:read", "Read words")
    monkeypatch.setattr(factory, "BLUEPRINTS", (*factory.BLUEPRINTS, gated()))
    app = create_app({"database_url": backend.url, "instance_path": backend.instance})
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def caller(games, make_client):
    """A caller of the gated application: on this tier, holding only these scopes (none given: all)."""
    documented = Documented(games)

    def make(tier: str, *held: str) -> ApiClient:
        owner = make_client(tier=tier)
        if not held:
            return ApiClient(games, documented, owner.key, owner.org_id)
        with games.app_context(), crossing("a test makes a key"), unit_of_work():
            _, key = accounts.make_key(owner.org_id, {"name": "x", "scopes": list(held)}, None)
        return ApiClient(games, documented, key, owner.org_id)

    return make


def test_everything_right_goes_through(caller):
    for tier in ("advanced", "pro", "enterprise"):
        assert caller(tier).post("/words/1?loud=true", {"word": "ha"}).status_code == 201
    assert caller("pro").get("/words").status_code == 200


WRONG_BODY = {"data": b"{", "content_type": "text/plain"}


def test_401_before_402_before_403_before_the_rest(caller, games):
    nobody = ApiClient(games, Documented(games), None)
    assert_refused(nobody.open("POST", "/words/1?loud=maybe", **WRONG_BODY), 401, "unauthorized")

    poor = caller("free", "items:read").open("POST", "/words/1?loud=maybe", **WRONG_BODY)
    error = assert_refused(poor, 402, "subscription_required")
    assert error["details"] == {"feature": "word-games", "tier": "free", "required_tier": "advanced"}

    weak = caller("advanced", "items:read").open("POST", "/words/1?loud=maybe", **WRONG_BODY)
    error = assert_refused(weak, 403, "forbidden")
    assert error["details"] == {"required_scopes": ["items:write"]}

    able = caller("advanced", "items:write")
    assert_refused(
        able.open("POST", "/words/1?loud=maybe", data=b'{"word": 5}', content_type="application/json"),
        422,
        "validation_error",
    )
    assert_refused(able.open("POST", "/words/1", **WRONG_BODY), 415, "unsupported_media_type")
    assert_refused(able.open("POST", "/words/1", data=b"{", content_type="application/json"), 400, "bad_request")


@pytest.mark.parametrize(("tier", "held"), [(None, ()), ("free", ()), ("advanced", ("items:read",))])
def test_the_guard_decides_before_the_body_is_read(caller, games, tier, held):
    who = caller(tier, *held) if tier else ApiClient(games, Documented(games), None)
    body = Unreadable()
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "100000000000", "CONTENT_TYPE": "application/json"}
    response = who.open("POST", "/words/1", environ_overrides=environ)
    assert response.status_code == {None: 401, "free": 402, "advanced": 403}[tier]
    assert not body.touched


def test_the_tier_is_asked_of_the_catalogue_in_order(caller):
    for tier, status in (("free", 402), ("advanced", 402), ("pro", 200), ("enterprise", 200)):
        response = caller(tier).get("/words")
        assert response.status_code == status, tier
        if status == 402:
            assert response.get_json()["error"]["details"]["required_tier"] == "pro"


def test_an_organisation_on_a_tier_that_was_removed_has_the_lowest(caller):
    retired = caller("platinum_2019")
    assert_refused(retired.get("/words"), 402, "subscription_required")
    assert retired.get("/units").status_code == 200


def test_a_star_holds_every_scope_and_nothing_less_does(caller):
    assert caller("enterprise", "*").get("/words").status_code == 200
    assert caller("enterprise", "words:read").get("/words").status_code == 200
    assert_refused(caller("enterprise", "items:read", "items:write").get("/words"), 403, "forbidden")


def test_a_malformed_path_of_a_gated_feature_is_a_404_and_without_a_key_a_401(caller, games):
    assert_refused(caller("free").post("/words/one", {"word": "x"}), 404, "not_found")
    nobody = ApiClient(games, Documented(games), None)
    assert_refused(nobody.post("/words/one", {"word": "x"}), 401, "unauthorized")


def test_the_document_says_what_the_guard_enforces(games):
    document = Documented(games).document
    operation = document["paths"]["/api/v1/words/{number}"]["post"]
    assert operation["security"] == [{"apiKey": ["items:write"]}]
    assert (operation["x-required-scope"], operation["x-required-tier"]) == ("items:write", "advanced")
    assert {"400", "401", "402", "403", "404", "409", "413", "415", "422", "429", "500"} <= set(operation["responses"])
    assert "402" not in document["paths"]["/api/v1/units"]["get"]["responses"]


def test_a_public_endpoint_has_no_principal_and_no_organisation(games):
    with games.test_client() as web:
        assert_refused(web.get("/api/v1/open-words"), 500, "internal_error")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/settings", "settings:read"),
        ("PATCH", "/settings", "settings:write"),
        ("GET", "/api-keys", "keys:admin"),
        ("POST", "/taxes", "settings:write"),
        ("GET", "/invoices", "invoices:read"),
        ("POST", "/calculate", "invoices:read"),
        ("GET", "/customers", "customers:read"),
        ("POST", "/items", "items:write"),
    ],
)
def test_each_scope_opens_its_door_and_no_other(with_scopes, method, path, scope):
    other = with_scopes("events:read")
    error = assert_refused(other.open(method, path, json={}), 403, "forbidden")
    assert error["details"] == {"required_scopes": [scope]}
    assert with_scopes(scope).open(method, path, json={}).status_code in {200, 422}


def test_read_does_not_follow_from_write(with_scopes):
    writer = with_scopes("settings:write")
    assert writer.post("/units", {"name": "hour"}).status_code == 201
    assert_refused(writer.get("/units"), 403, "forbidden")


def test_403_comes_before_404(with_scopes):
    reader = with_scopes("events:read")
    assert_refused(reader.get("/customers/0192f0c1-2b3c-7d4e-8f50-61728394a5b6"), 403, "forbidden")
