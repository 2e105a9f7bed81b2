"""Fixtures of the whole suite: each backend once a session, a fresh organisation for every test.

Tests do not clean up: an organisation of one's own is the cleanest state there is, and that nobody sees another's is
what the product promises.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uuid6
from flask import Flask

from app.accounts import service as accounts
from app.data import migrate
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.factory import create_app
from tests.support.client import ApiClient, Documented
from tests.support.services import postgres_server, require

pytest_plugins = ["tests.support.report"]


@dataclass(frozen=True)
class Backend:
    """A migrated, empty database."""

    name: str
    url: str
    instance: Path


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Each database in turn; PostgreSQL as a role that cannot bypass row-level security."""
    instance = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        url = f"sqlite:///{instance / 'test.db'}"
        _migrate(url, instance)
        yield Backend("sqlite", url, instance)
        return
    server = require(postgres_server())
    name = f"suite_{uuid.uuid4().hex[:8]}"
    url = server.create_database(name)
    _migrate(url, instance)
    yield Backend("postgresql", url, instance)
    server.drop_database(name)


def _migrate(url: str, instance: Path) -> None:
    migrate.upgrade(create_app({"database_url": url, "instance_path": instance}))


@pytest.fixture(scope="session")
def app(backend: Backend) -> Iterator[Flask]:
    """The application on a backend."""
    app = create_app({"database_url": backend.url, "instance_path": backend.instance})
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def documented(app: Flask) -> Documented:
    """The OpenAPI document that every answer is held against."""
    return Documented(app)


MakeClient = Callable[..., ApiClient]


@pytest.fixture
def make_client(app: Flask, documented: Documented) -> MakeClient:
    """Make a fresh organisation and a caller who holds all its scopes. Settings may be given by name."""

    def make(*, tier: str = "enterprise", **settings: Any) -> ApiClient:
        with app.app_context(), crossing("a test makes its organisation"), unit_of_work():
            owner = accounts.create_user(f"owner-{uuid.uuid4().hex}@example.com", "Test Owner")
            made = accounts.create_organization("Test GmbH", tier, owner, settings)
            secret, org_id = made.secret, made.organization.id
        return ApiClient(app, documented, secret, org_id)

    return make


@pytest.fixture
def client(make_client: MakeClient) -> ApiClient:
    """The owner of a fresh organisation."""
    return make_client()


@pytest.fixture
def stranger(make_client: MakeClient) -> ApiClient:
    """The owner of another organisation."""
    return make_client()


@pytest.fixture
def anonymous(app: Flask, documented: Documented) -> ApiClient:
    """A caller without a key."""
    return ApiClient(app, documented, None)


@pytest.fixture
def with_scopes(client: ApiClient) -> Callable[..., ApiClient]:
    """A caller of the client's organisation who holds only these scopes."""

    def make(*scopes: str) -> ApiClient:
        response = client.post("/api-keys", {"name": "limited", "scopes": list(scopes)})
        assert response.status_code == 201, response.get_json()
        return ApiClient(client.app, client.documented, response.get_json()["key"], client.org_id)

    return make


@pytest.fixture(autouse=True)
def _ids_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that travels in time must not leave its clock in the ids of the next: the library never goes back."""
    monkeypatch.setattr(uuid6, "_last_v7_timestamp", None)


@pytest.fixture
def customer(client: ApiClient) -> dict[str, Any]:
    """A customer of the client's organisation."""
    response = client.post("/customers", {"name": "Acme Corp", "email": "billing@acme.example"})
    assert response.status_code == 201, response.get_json()
    return response.get_json()


@pytest.fixture
def make_invoice(client: ApiClient, customer: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Make a draft of one line; fields may be given by name."""

    def make(**fields: Any) -> dict[str, Any]:
        body = {"customer_id": customer["id"], "lines": [{"name": "Consulting", "quantity": 2, "unit_price": "750.00"}]}
        response = client.post("/invoices", body | fields)
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    return make
