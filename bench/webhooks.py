"""How many webhooks a second: relay and sender together, to a receiver in a process of its own on this machine.

    python -m bench.webhooks                         SQLite, then PostgreSQL and Redis where they can be had
    python -m bench.webhooks --events 3000 --endpoints 4

Events are made first (customers, through the service), with nothing running. Then the runner of one process starts,
with the relay and the sender as its sources, and the clock stops when the receiver has got the last delivery. After it:
how long an event waits for its delivery while four other endpoints hang.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from app.accounts import service as accounts
from app.customers import service as customers
from app.customers.schemas import CustomerIn
from app.data import migrate
from app.data.tenancy import crossing, organization
from app.data.transaction import unit_of_work
from app.events.relay import RelaySource
from app.extensions import db
from app.factory import create_app
from app.jobs.runner import Runner
from app.webhooks import service
from app.webhooks.schemas import WebhookIn
from app.webhooks.sender import Sender
from tests.support.services import postgres_server, redis_server, require

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
GIVE_UP = 120


def receive(port: Any, count: Any) -> None:
    """A receiver that answers 200 and counts; /hang never answers."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
            if head.startswith(b"POST /hang"):
                await asyncio.sleep(3600)
            count.value += 1
            writer.write(ANSWER)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(main())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@contextmanager
def receiver() -> Iterator[tuple[int, Any, Callable[[], None]]]:
    """The receiver's port, its counter, and what ends it."""
    port, count = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=receive, args=(port, count), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.01)
    yield port.value, count, process.kill
    process.kill()
    process.join()


def fill(app: Flask, urls: list[str], events: int) -> None:
    """An organisation with a webhook to each URL, and so many events that nobody has handed on."""
    with app.app_context():
        with crossing("the bench makes its organisation"), unit_of_work():
            owner = accounts.create_user(f"bench-{time.time_ns()}@example.com", "Bench")
            made = accounts.create_organization("Bench", "enterprise", owner, {}).organization.id
        with organization(made, "UTC"):
            with unit_of_work():
                for url in urls:
                    service.create_webhook(WebhookIn().load({"url": url, "events": ["customer.*"]}))
            for first in range(0, events, 100):
                with unit_of_work():
                    for n in range(first, min(first + 100, events)):
                        customers.create_customer(CustomerIn().load({"name": f"Customer {n}"}))


def measure(name: str, settings: dict[str, str], events: int, endpoints: int) -> None:
    """Deliver, and print the figures."""
    with tempfile.TemporaryDirectory() as folder, receiver() as (port, count, stop):
        given = {"instance_path": folder, "egress_allow": "127.0.0.0/8", "log_level": "ERROR"}
        given |= {"database_url": f"sqlite:///{folder}/bench.db"} | settings
        app = create_app(given)
        migrate.upgrade(app)
        fill(app, [f"http://127.0.0.1:{port}/{n}" for n in range(endpoints)], events)
        wanted, statements = events * endpoints, [0]

        def note(*_: object) -> None:
            statements[0] += 1

        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", note)
        runner = app.extensions["billhook.engine"].make_runner()
        runner.lanes = Runner(app, (RelaySource(), Sender()), 1.0).lanes
        cpu, start = time.process_time(), time.perf_counter()
        runner.start()
        while count.value < wanted and time.perf_counter() - start < GIVE_UP:
            time.sleep(0.005)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{name}: {count.value}/{wanted} deliveries to {endpoints} endpoints in {seconds:.1f} s = ", end="")
        print(f"{count.value / seconds:.0f} a second, {statements[0] / wanted:.2f} statements and ", end="")
        print(f"{cpu / wanted * 1000:.2f} ms of processor time each")
        slow = waiting(app, runner, f"http://127.0.0.1:{port}", count)
        print(f"{name}: with 4 endpoints that hang, a fifth got its delivery after {slow:.2f} s")
        stop()  # what hangs is over now
        runner.stop()
        with app.app_context():
            db.engine.dispose()


def waiting(app: Flask, runner: Runner, base: str, count: Any) -> float:
    """Seconds from the commit of an event to its arrival while other endpoints hang."""
    fill(app, [f"{base}/hang/{n}" for n in range(4)], 20)
    runner.wake("events")
    time.sleep(3)
    before, start = count.value, time.perf_counter()
    fill(app, [f"{base}/free"], 1)
    while count.value == before and time.perf_counter() - start < GIVE_UP:
        time.sleep(0.002)
    return time.perf_counter() - start


def main() -> None:
    """Measure on each database."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--endpoints", type=int, default=1)
    parser.add_argument("--backend", choices=("sqlite", "postgresql"))
    asked = parser.parse_args()
    if asked.backend != "postgresql":
        measure("SQLite", {}, asked.events, asked.endpoints)
    if asked.backend != "sqlite":
        with ExitStack() as stack:
            server = stack.enter_context(require(postgres_server()))
            redis = stack.enter_context(require(redis_server()))
            url = server.create_database("webhooks")
            settings = {"database_url": url, "redis_url": redis.url}
            measure("PostgreSQL and Redis", settings, asked.events, asked.endpoints)


if __name__ == "__main__":
    main()
