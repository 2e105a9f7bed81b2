"""One migrated installation per kind of database, and an organisation of its own for every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from app.cli.organizations import make
from app.data import migrate
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from tests.cli.home import Home, Homes, Server
from tests.support.services import postgres_server, require

# SQLite: what `flask serve` runs. PostgreSQL: several processes, as in production.
SHAPES = {"sqlite": {"workers": 1, "threads": 8}, "postgresql": {"workers": 2, "threads": 8}}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A migrated database and its instance folder."""
    server = require(postgres_server()) if request.param == "postgresql" else None
    homes = Homes(request.param, tmp_path_factory.mktemp(request.param), server)
    with homes.fresh("crash") as made:
        with made.app() as app:
            migrate.upgrade(app)
        yield made


@pytest.fixture
def key(home: Home) -> str:
    """A key to a fresh organisation."""
    with home.app(), crossing("a test makes its organisation"), unit_of_work():
        return make("Crash Test GmbH", None, None, {}).secret


class Fleet:
    """The server processes of a home: started when somebody needs them and they do not live."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.present: Server | None = None
        self.stack = ExitStack()

    def running(self) -> Server:
        """Server processes that answer."""
        if self.present is None or self.present.process.poll() is not None:
            self.stack.close()
            self.present = self.stack.enter_context(self.home.gunicorn(**SHAPES[self.home.kind]))
        return self.present


@pytest.fixture(scope="module")
def fleet(home: Home) -> Iterator[Fleet]:
    """The servers of these tests; whoever kills them finds fresh ones the next time."""
    made = Fleet(home)
    with made.stack:
        yield made


@pytest.fixture
def server(fleet: Fleet) -> Server:
    """Server processes that answer."""
    return fleet.running()


@pytest.fixture
def make_drafts(key: str) -> Callable[[Server, int], list[str]]:
    """Makes drafts for one customer, and returns their ids."""

    def make_them(server: Server, count: int) -> list[str]:
        customer = server.call(key, "POST", "/customers", {"name": "Acme Corp"}).json()["id"]
        line = {"name": "Consulting", "quantity": 3, "unit_price": "33.33", "tax_rate": 19}
        body = {"customer_id": customer, "lines": [line] * 3}
        made = [server.call(key, "POST", "/invoices", body) for _ in range(count)]
        assert {answer.status_code for answer in made} == {201}
        return [answer.json()["id"] for answer in made]

    return make_them
