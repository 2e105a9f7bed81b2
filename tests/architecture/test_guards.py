"""No endpoint is unguarded: refused when it is defined, denied when it slips past, and named at boot when it asks for
what nobody can have."""

import flask
import pytest
from flask import Blueprint as PlainBlueprint
from flask import Flask
from flask.views import MethodView

from app import factory
from app.accounts.scopes import SCOPES
from app.config import BootError
from app.factory import create_app
from app.http import fields
from app.http.blueprint import Blueprint, UnguardedRouteError
from app.http.guard import Guard, is_guard, public, requires
from app.http.schema import Schema
from tests.support.client import assert_refused

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


class Thing(Schema):
    """A thing."""

    word = fields.Text(10)


@pytest.fixture
def bp() -> Blueprint:
    return Blueprint("planted", __name__, description="Planted.")


@pytest.fixture
def build(backend, monkeypatch):
    """Make the application with one blueprint more."""

    def make(*extra) -> Flask:
        monkeypatch.setattr(factory, "BLUEPRINTS", (*factory.BLUEPRINTS, *extra))
        return create_app({"database_url": backend.url, "instance_path": backend.instance})

    return make


@ON_SQLITE
def test_every_rule_of_the_url_map_carries_a_marker(app):
    rules = list(app.url_map.iter_rules())
    assert len(rules) > 40
    for rule in rules:
        view = app.view_functions[rule.endpoint]
        assert isinstance(getattr(view, "guard", None), Guard), f"{rule} has no marker"
        assert is_guard(view), f"{rule}: something is laid over the guard"


@ON_SQLITE
def test_what_is_public_is_a_short_list_with_reasons(app):
    markers = {rule.rule: app.view_functions[rule.endpoint].guard for rule in app.url_map.iter_rules()}
    open_to_all = {path: guard for path, guard in markers.items() if guard.public}
    assert set(open_to_all) == {"/openapi.json", "/health", "/health/ready", "/api/v1/files/<signed>"}
    assert all(len(guard.reason) > 10 for guard in open_to_all.values())
    assert {path for path, guard in markers.items() if not guard.public and guard.scope is None} == {"/api/v1/me"}


@ON_SQLITE
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
def test_a_view_registered_past_the_blueprint_never_runs(build, make_client, method):
    app, ran = build(), []

    def view() -> str:
        ran.append(1)
        return "secret"

    plain = PlainBlueprint("plain", __name__)
    plain.add_url_rule("/plain", view_func=view, methods=["GET", "POST", "DELETE"])
    app.add_url_rule("/api/v1/loose", view_func=view, methods=["GET", "POST", "DELETE"])
    app.register_blueprint(plain, url_prefix="/api/v1")
    key = make_client().key
    for path in ("/api/v1/loose", "/api/v1/plain"):
        for headers in ({}, {"Authorization": f"Bearer {key}"}):
            response = app.test_client().open(path, method=method, headers=headers)
            assert response.status_code == 404
            assert b"secret" not in response.data
            if method != "HEAD":
                assert_refused(response, 404, "not_found")
    assert not ran


def test_a_route_without_a_marker_is_refused(bp):
    with pytest.raises(UnguardedRouteError, match=r"planted\.show"):

        @bp.route("/x")
        def show():
            """Show."""


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete"])
def test_so_is_one_by_the_short_decorators(bp, verb):
    with pytest.raises(UnguardedRouteError):
        getattr(bp, verb)("/x")(lambda: "")


def test_a_marker_outside_the_route_is_too_late(bp):
    with pytest.raises(UnguardedRouteError):

        @requires(scope=None)
        @bp.route("/x")
        def show():
            """Show."""


@pytest.mark.parametrize("marker", [requires(scope=None), public("a test")])
def test_a_marker_below_the_arguments_would_read_the_body_first(bp, marker):
    with pytest.raises(UnguardedRouteError):

        @bp.route("/x", methods=("POST",))
        @bp.arguments(Thing)
        @marker
        @bp.response(200, Thing)
        def make(data):
            """Make."""


def test_a_marker_below_the_response_too(bp):
    with pytest.raises(UnguardedRouteError):

        @bp.route("/x")
        @bp.response(200, Thing)
        @requires(scope=None)
        def show():
            """Show."""


class Unmarked(MethodView):
    def get(self):
        """Show."""


class Half(MethodView):
    @requires(scope=None)
    def get(self):
        """Show."""

    def post(self):
        """Make."""


class Whole(MethodView):
    @requires(scope=None)
    def get(self):
        """Show."""


@pytest.mark.parametrize("view", [Unmarked, Half, Whole])
def test_a_view_class_is_refused_whole_whether_its_verbs_are_marked_or_not(bp, view):
    """Its verbs would share one name, and the guard at the door sees functions only: see http/guard.py."""
    with pytest.raises(UnguardedRouteError):
        bp.route("/x")(view)
    with pytest.raises(TypeError):
        requires(scope=None)(view)


def test_a_second_view_of_the_same_name_is_refused(bp):
    def show():
        """Show."""

    bp.route("/x")(requires(scope=None)(show))
    with pytest.raises(ValueError, match=r"planted\.show is already a route"):
        bp.route("/y")(requires(scope=None)(show))


def test_a_public_marker_states_its_reason():
    with pytest.raises(ValueError, match="reason"):
        public("")


@ON_SQLITE
def test_an_operation_of_a_name_that_exists_is_refused(build, bp):
    def get_me():
        """Show."""

    bp.route("/other-me")(requires(scope=None)(get_me))
    with pytest.raises(ValueError, match="get_me"):
        build(bp)


@ON_SQLITE
def test_a_scope_that_no_key_can_hold_stops_the_boot(build, bp):
    bp.route("/x")(requires(scope="planets:write")(_named("show_x")))
    bp.route("/y")(requires(scope=None, tier="platinum")(_named("show_y")))
    with pytest.raises(BootError) as stopped:
        build(bp)
    assert stopped.value.problems == [
        "planted.show_x asks for the scope 'planets:write', which no key can hold.",
        "planted.show_y asks for the tier 'platinum', which the catalogue lacks.",
    ]
    assert str(stopped.value).count("billhook: ") == 2


@ON_SQLITE
def test_every_scope_that_a_route_asks_for_can_be_held(app):
    asked = {app.view_functions[rule.endpoint].guard.scope for rule in app.url_map.iter_rules()} - {None}
    assert asked <= set(SCOPES)


@ON_SQLITE
def test_building_asks_the_database_nothing(build, bp):
    def record(state):
        from app.extensions import db  # noqa: PLC0415 - what a careless blueprint would do

        db.session.execute(db.text("SELECT 1"))

    bp.record(record)
    with pytest.raises(RuntimeError, match="asked the database"):
        build(bp)


def _named(name):
    def view():
        return flask.jsonify({})

    view.__name__ = view.__qualname__ = name
    view.__doc__ = "Planted."
    return view
