"""Installations for the tests of the command line: empty ones, and copies of one that holds the demo data."""

import itertools
from collections.abc import Iterator

import pytest

from app.cli.demo import make_demo
from app.data import migrate
from tests.cli.home import Home, Homes
from tests.support.services import postgres_server, require

_count = itertools.count(1)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def homes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Each kind of database in turn; PostgreSQL as a role that cannot bypass row-level security."""
    server = require(postgres_server()) if request.param == "postgresql" else None
    return Homes(request.param, tmp_path_factory.mktemp(request.param), server)


@pytest.fixture(scope="session")
def demo_template(homes: Homes) -> Iterator[str]:
    """The name of a home with the demo data, to copy."""
    name = "demo"
    with homes.fresh(name) as home:
        with home.app() as app:
            migrate.upgrade(app)
            make_demo()
        yield name


@pytest.fixture
def home(homes: Homes) -> Iterator[Home]:
    """A home whose database is empty: not even migrated."""
    with homes.fresh(f"home_{next(_count)}") as made:
        yield made


@pytest.fixture
def demo(homes: Homes, demo_template: str) -> Iterator[Home]:
    """A home that holds the demo data, to be damaged at will."""
    with homes.fresh(f"copy_{next(_count)}", demo_template) as made:
        yield made
