"""Installations for the tests of the command line: empty ones, and copies of one that holds the demo data."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.accounts.models import Settings
from app.cli.demo import make_demo
from app.data import migrate
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.events.models import EventStream
from app.extensions import db
from app.invoices.models import Invoice, InvoiceLine
from app.numbering.models import Number, NumberCounter, NumberSeries
from tests.cli.home import Home, Homes
from tests.support.services import postgres_server, require

_count = itertools.count(1)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def homes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Each kind of database in turn; PostgreSQL as a role that cannot bypass row-level security."""
    server = require(postgres_server()) if request.param == "postgresql" else None
    return Homes(request.param, tmp_path_factory.mktemp(request.param), server)


ONCE = pytest.mark.parametrize("homes", ["sqlite"], indirect=True)
"""For what does not depend on the kind of database."""


@dataclass(frozen=True)
class Rows:
    """Ids out of the demo data, the same in every copy. `numbers` leads from an invoice to its ledger row."""

    first: UUID
    second: UUID
    last: UUID
    line: UUID
    draft: UUID
    draft_line: UUID
    series: UUID
    counter: UUID
    settings: UUID
    stream: UUID
    numbers: dict[UUID | None, UUID]


@pytest.fixture(scope="session")
def template(homes: Homes) -> Iterator[tuple[str, Rows]]:
    """The name of a home with the demo data, to copy, and what is in it."""
    with homes.fresh("demo") as home:
        with home.app() as app:
            migrate.upgrade(app)
            make_demo()
            rows = _rows()
        yield "demo", rows


def _rows() -> Rows:
    lines = sa.select(InvoiceLine.id).order_by(InvoiceLine.position)
    with crossing("a test looks around"), unit_of_work(write=False):
        ids = sa.select(Invoice.id).order_by(Invoice.id)
        first, second, *_, last = db.session.scalars(ids.where(Invoice.state == "issued"))
        draft = db.session.scalars(ids.where(Invoice.state == "draft").limit(1)).one()
        return Rows(
            first=first,
            second=second,
            last=last,
            line=db.session.scalars(lines.where(InvoiceLine.invoice_id == second).limit(1)).one(),
            draft=draft,
            draft_line=db.session.scalars(lines.where(InvoiceLine.invoice_id == draft).limit(1)).one(),
            series=db.session.scalars(sa.select(NumberSeries.id).where(NumberSeries.kind == "invoice")).one(),
            counter=db.session.scalars(sa.select(NumberCounter.id)).one(),
            settings=db.session.scalars(sa.select(Settings.id)).one(),
            stream=db.session.scalars(sa.select(EventStream.id)).one(),
            numbers=dict(db.session.execute(sa.select(Number.document_id, Number.id)).tuples().all()),
        )


@pytest.fixture
def rows(template: tuple[str, Rows]) -> Rows:
    """What is in the demo data."""
    return template[1]


@pytest.fixture
def home(homes: Homes) -> Iterator[Home]:
    """A home whose database is empty: not even migrated."""
    with homes.fresh(f"home_{next(_count)}") as made:
        yield made


@pytest.fixture
def demo(homes: Homes, template: tuple[str, Rows]) -> Iterator[Home]:
    """A home that holds the demo data, to be damaged at will."""
    with homes.fresh(f"copy_{next(_count)}", template[0]) as made:
        yield made


@pytest.fixture(scope="session")
def steady(homes: Homes, template: tuple[str, Rows]) -> Iterator[Flask]:
    """The application on demo data that no test changes."""
    with homes.fresh("steady", template[0]) as home, home.app() as app:
        yield app
