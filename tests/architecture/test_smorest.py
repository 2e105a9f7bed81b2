"""What app/http leans on in flask-smorest and webargs beyond their documented interface. An upgrade that moves one of
these shall fail here, by name, and not as a route without documentation."""

import inspect
from importlib.metadata import requires as requirements
from importlib.metadata import version

import flask_smorest
from webargs.flaskparser import FlaskParser

from app.http.blueprint import Blueprint
from app.http.guard import requires


def view():
    """Show a thing."""


def test_the_minor_version_is_pinned():
    pinned = [line for line in requirements("billhook") or [] if line.startswith("flask-smorest")]
    assert pinned == ["flask-smorest<0.48,>=0.47"]
    assert version("flask-smorest").startswith("0.47.")


def test_store_endpoint_docs_is_called_once_a_route_with_the_view_itself(monkeypatch):
    seen = []
    original = flask_smorest.Blueprint._store_endpoint_docs
    assert list(inspect.signature(original).parameters) == ["self", "endpoint", "obj", "parameters", "tags", "options"]
    monkeypatch.setattr(
        flask_smorest.Blueprint,
        "_store_endpoint_docs",
        lambda self, endpoint, obj, parameters, tags, **options: (
            seen.append((endpoint, obj)),
            original(self, endpoint, obj, parameters, tags, **options),
        ),
    )
    guarded = requires(scope=None)(view)
    Blueprint("t", __name__, description="x").route("/x")(guarded)
    assert seen == [("view", guarded)]


def test_docs_are_kept_by_endpoint_and_verb():
    bp = Blueprint("t", __name__, description="x")
    bp.route("/x", methods=("GET", "POST"))(requires(scope=None)(view))
    assert set(bp._docs["view"]) == {"get", "post", "parameters"}
    assert bp._endpoints == ["view"]


def test_prepare_doc_callbacks_are_a_list_that_may_grow_and_run_in_order():
    plain = flask_smorest.Blueprint("t", __name__)
    assert isinstance(plain._prepare_doc_cbks, list)
    bp = Blueprint("t", __name__, description="x")
    assert len(bp._prepare_doc_cbks) == len(plain._prepare_doc_cbks) + 1
    assert bp._prepare_doc_cbks[-1] == bp._prepare_guard_doc


def test_notes_of_the_decorators_stand_on_the_function():
    decorated = flask_smorest.Blueprint("t", __name__).response(200, description="Fine")(view)
    assert decorated._apidoc["response"]["responses"][200][0]["description"] == "Fine"


def test_the_api_registers_its_error_handlers_in_one_method():
    assert callable(flask_smorest.Api._register_error_handlers)
    assert "_register_error_handlers" in inspect.getsource(flask_smorest.Api.init_app)


def test_the_api_registers_its_pagination_header_in_one_method():
    assert callable(flask_smorest.Api._register_pagination_header)
    assert "PAGINATION" in inspect.getsource(flask_smorest.Api._register_pagination_header)


def test_webargs_hands_errors_and_bodies_to_the_methods_we_replace():
    assert list(inspect.signature(FlaskParser.load_json).parameters) == ["self", "req", "schema"]
    assert list(inspect.signature(FlaskParser.handle_error).parameters)[:2] == ["self", "error"]
    assert {"json", "query"} <= set(FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION)
