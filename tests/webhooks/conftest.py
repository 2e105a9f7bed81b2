"""An application that may call loopback, its relay and its sender run by hand, and a clock that can be moved on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.data import clock
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.egress.client import EXTENSION as EGRESS
from app.egress.client import Egress
from app.events.relay import relay_once
from app.extensions import db
from app.factory import create_app
from app.jobs.runner import Runner
from app.webhooks.models import Delivery
from app.webhooks.sender import Sender
from tests.support.client import ApiClient
from tests.support.receivers import Receiver

DELAYS = (0, 5, 300, 1800)


@pytest.fixture(scope="session")
def app(backend) -> Iterator[Flask]:
    """The application on a backend. It knows no names, so that what other tests left behind calls nobody."""
    app = create_app(
        {
            "database_url": backend.url,
            "instance_path": backend.instance,
            "egress_allow": "127.0.0.0/8",
            "webhook_retry_delays": ", ".join(map(str, DELAYS)),
        }
    )
    allowed = app.config["BILLHOOK"].egress_allow
    app.extensions[EGRESS] = Egress(allowed, resolve=lambda *_: [])
    yield app
    app.extensions[EGRESS].close()
    with app.app_context():
        db.engine.dispose()


@dataclass
class Work:
    """The relay and the sender of an application."""

    app: Flask
    threads: int = 8
    ahead: timedelta = field(default_factory=timedelta)

    def relay(self) -> None:
        """Make the deliveries of every event there is."""
        with self.app.app_context():
            while relay_once():
                pass

    def send(self) -> None:
        """Send until nothing is due."""
        # A burst may end between two batches: the next in line is free only when the one before it is finished.
        while Runner(self.app, (Sender(self.threads),), 0.05).burst():
            pass

    def run(self) -> None:
        """Relay, then send."""
        self.relay()
        self.send()

    def later(self, seconds: float) -> None:
        """Move the clock on, and send what has become due."""
        self.ahead += timedelta(seconds=seconds)
        self.run()


@pytest.fixture
def work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Work:
    """The relay and the sender, and their clock."""
    made = Work(app)
    made.relay()
    with app.app_context(), crossing("what other tests left is not of this one"), unit_of_work():
        db.session.execute(sa.update(Delivery).where(Delivery.state == "pending").values(state="cancelled"))
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + made.ahead)
    return made


Subscribe = Callable[..., dict[str, Any]]


@pytest.fixture
def subscribe(client: ApiClient) -> Subscribe:
    """Make a webhook of the client's to a receiver or a URL."""

    def make(to: Receiver | str, *events: str, **fields: Any) -> dict[str, Any]:
        url = to if isinstance(to, str) else to.url
        answer = client.post("/webhooks", {"url": url, "events": list(events) or ["*"], **fields})
        assert answer.status_code == 201, answer.get_json()
        return answer.get_json()

    return make


@pytest.fixture
def deliveries(client: ApiClient) -> Callable[..., list[dict[str, Any]]]:
    """The deliveries of a webhook, the oldest first."""

    def of(webhook: dict[str, Any], **filters: str) -> list[dict[str, Any]]:
        query = "".join(f"&{name}={value}" for name, value in filters.items())
        return client.get(f"/webhooks/{webhook['id']}/deliveries?limit=100&sort=created_at{query}").get_json()["data"]

    return of
