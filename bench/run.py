"""Billhook beside Flask with raw SQL: ratios from one run, on SQLite and PostgreSQL.

There are two floors: floor.py does the same work as Billhook on the same rows, and the bounds are judged against it;
bare.py does the least that makes an invoice. Before anything is measured the answers of the first are compared with
Billhook's.

    make bench                                   all of it, a few minutes
    make bench ARGS="--quick --backend sqlite"   a look: fewer rows, shorter windows

All are served alike (gunicorn, one worker, four threads) and are equally durable. One client asks, waits for the
answer and asks again. The windows of all tests take turns, floors and Billhook side by side and in changing order:
whatever else the machine is doing hits all. A figure is the median of its windows, a ratio that of two medians.
docs/performance.md says what the figures mean.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pypdf

from app.data.base import Base
from bench import data
from bench.client import Client, Refused, request
from bench.servers import Server, memory_mb, serve
from tests.support import services

BACKENDS = ("sqlite", "postgresql")
API = "/api/v1"
WARM_UP = 20
MOST_A_WINDOW = 150  # drafts made beforehand for a window that uses them up
STARTS = 3
NOT_THERE = 404
PDFS = 3

Requests = Callable[[Client], Iterable[bytes]]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is measured."""

    seconds: float
    rounds: int
    many: int
    few: int = 1000


@dataclass
class Side:
    """One of those that a test compares: where it runs, what it is asked, and what its windows took."""

    server: Server
    requests: Requests
    milliseconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    count: int = 0

    def window(self, seconds: float) -> None:
        """Ask for some time, and note the mean time of a request."""
        with Client(self.server.port) as client:
            requests = iter(self.requests(client))
            for one in islice(requests, WARM_UP):
                client.send(one)
            cpu, started, count = self.server.cpu_seconds(), time.perf_counter(), 0
            for one in requests:
                client.send(one)
                count += 1
                if time.perf_counter() - started >= seconds:
                    break
            self.milliseconds.append((time.perf_counter() - started) * 1000 / count)
            self.cpu_seconds += self.server.cpu_seconds() - cpu
            self.count += count

    def median(self) -> float:
        """Milliseconds of a request."""
        return statistics.median(self.milliseconds)

    def cpu(self) -> float:
        """Milliseconds of processor time that the server spends on a request, that of a database server left out."""
        return self.cpu_seconds * 1000 / self.count


@dataclass(frozen=True)
class Test:
    """A piece of work, done by Billhook and by the floors (or by Billhook twice, with few rows and with many).

    `bound` limits the ratio to `base`.
    """

    name: str
    base: Side | None
    billhook: Side
    bound: float | None = None
    bare: Side | None = None

    def sides(self) -> list[Side]:
        """Those that take part."""
        return [side for side in (self.base, self.bare, self.billhook) if side]


@dataclass(frozen=True)
class Figure:
    """A line of the table. `value` is what `bound` limits: a ratio, or the figure itself in `unit`."""

    backend: str
    name: str
    value: float | None
    bound: float | None
    unit: str = ""
    base: str = ""
    bare: str = ""
    bare_ratio: str = ""
    billhook: str = ""
    cpu: str = ""

    def line(self) -> str:
        """The line as it is printed."""
        value = self.value or 0
        ratio = f"{value:.2f}" if self.value and not self.unit else ""
        figure = self.billhook or f"{value:.{0 if value >= 10 else 2}f} {self.unit}"  # noqa: PLR2004 - digits
        limit = f"{'<' if self.unit else '≤'} {self.bound:g} {self.unit}".strip() if self.bound else ""
        verdict = ("ok" if self.met() else "MISSED") if self.bound else ""
        columns = f"{self.backend:10} {self.name:36}  {figure:>9}  {self.base:>8}  {ratio:>5}  {limit:>8}  {verdict:6}"
        return f"{columns}  {self.bare:>8}  {self.bare_ratio:>6}  {self.cpu}".rstrip()

    def met(self) -> bool:
        """Whether it keeps to its bound."""
        if self.bound is None or self.value is None:
            return True
        return self.value < self.bound if self.unit else self.value <= self.bound


def main() -> int:
    """Measure and print. Returns 1 when a bound was missed, so that a script can ask."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and databases go, too
    quick = Scale(seconds=0.3, rounds=2, many=20_000)
    scale = quick if options.quick else Scale(seconds=options.seconds, rounds=options.rounds, many=100_000)
    figures: list[Figure] = []
    for backend in BACKENDS if options.backend == "both" else [options.backend]:
        with ExitStack() as stack:
            urls = _databases(backend, stack)
            if urls is None:
                continue
            figures += _measure(backend, *urls, scale, stack)
    _print(figures, quick=options.quick)
    return 0 if all(figure.met() for figure in figures) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=(*BACKENDS, "both"), default="both")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a window")
    parser.add_argument("--rounds", type=int, default=7, help="windows of each test and side")
    parser.add_argument("--quick", action="store_true", help="short and with fewer rows: to see that it works")
    options = parser.parse_args()
    if not 0.1 <= options.seconds <= 60 or not 1 <= options.rounds <= 100:  # noqa: PLR2004 - bounded in time
        parser.error("--seconds is from 0.1 to 60, --rounds from 1 to 100")
    return options


def _databases(backend: str, stack: ExitStack) -> tuple[str, str] | None:
    """URLs of two empty databases, one for Billhook and one for the bare floor; dropped at the end."""
    if backend == "sqlite":
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="billhook-bench-"))
        return f"sqlite:///{folder}/billhook.db", f"sqlite:///{folder}/bare.db"
    server = stack.enter_context(services.find_postgres(os.environ))
    if isinstance(server, services.Unavailable):
        print(f"PostgreSQL is LEFT OUT: {server.reason}")
        return None
    print(f"PostgreSQL {server.version}, {server.found}")
    return server.create_database("billhook"), server.create_database("bare")


def _measure(backend: str, url: str, bare_url: str, scale: Scale, stack: ExitStack) -> list[Figure]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="billhook-bench-")))
    sizes = {"none": data.Size(0), "few": data.Size(scale.few)}
    # The list never reads a line: two each, and the filling takes seconds.
    many = {"many": data.Size(scale.many, lines=2)}
    started = time.perf_counter()
    settings = {"database_url": url, "instance_path": folder}
    ours, theirs = data.fill_billhook(settings, sizes | many), data.fill_bare(bare_url, sizes)
    print(f"{backend}: filled in {time.perf_counter() - started:.0f} s; measuring", flush=True)
    environment = {"BILLHOOK_DATABASE_URL": url, "BILLHOOK_INSTANCE_PATH": str(folder), "BILLHOOK_LOG_LEVEL": "WARNING"}
    log = folder / "log"
    billhook = stack.enter_context(serve("wsgi:application", environment, log))
    floor = stack.enter_context(serve("bench.floor:app", _floor(url), log))
    bare = stack.enter_context(serve("bench.bare:app", {"FLOOR_DATABASE": bare_url}, log))
    _compare_answers(backend, billhook, floor, ours)
    tests = _tests(billhook, floor, bare, ours, theirs)
    _take_turns(tests, scale)
    figures = [_compared(backend, test) for test in tests]
    figures += _pdf(backend, billhook, ours["none"])
    figures += _size(backend, billhook, floor, bare)
    figures.append(_start(backend, environment, url, bare_url, log))
    return figures


def _floor(url: str) -> dict[str, str]:
    """The environment of the floor: Billhook's database, and the columns of its tables."""
    columns = {name: [column.name for column in table.columns] for name, table in Base.metadata.tables.items()}
    columns["settings"].remove("logo")
    return {"FLOOR_DATABASE": url, "FLOOR_COLUMNS": json.dumps(columns)}


def _compare_answers(
    backend: str, billhook: Server, floor: Server, organizations: Mapping[str, data.Organization]
) -> None:
    """The floor of the same work must answer as Billhook does. Raises AssertionError with what is different."""
    none, few = organizations["none"], organizations["few"]
    asked = {
        "create": ("POST", "/invoices", none, {"customer_id": none.customer_id, "lines": data.RATED}),
        "create, tax looked up": ("POST", "/invoices", none, {"customer_id": none.customer_id, "lines": data.BARE}),
        "get one": ("GET", f"/invoices/{few.invoice_ids[0]}", few, None),
        "list 100": ("GET", "/invoices?limit=100", few, None),
        "list by cursor": ("GET", "/invoices?limit=100&cursor=", few, None),
    }
    with Client(billhook.port) as ours, Client(floor.port) as floors:
        for name, (method, path, organization, body) in asked.items():
            one = request(method, f"{API}{path}", organization.key, body)
            left, right = ours.send(one), floors.send(one)
            print(f"{backend}: {name}: {len(left):,} bytes from Billhook, {len(right):,} from the floor")
            if abs(len(left) - len(right)) > len(left) / 10:
                raise AssertionError(f"{name}: the floor's answer is not as long as Billhook's")
            if (said := _timeless(json.loads(right))) != (wanted := _timeless(json.loads(left))):
                raise AssertionError(f"{name}: the floor says\n{said}\nand not\n{wanted}")


def _timeless(answer: Any) -> Any:
    """An answer without what two requests can never share: new ids, instants, addresses, cursors."""
    if isinstance(answer, list):
        return [_timeless(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    changing = {"next_cursor", "first", "last", "next"}
    # What is new has another id and another instant; what was there already, as in a list, is compared to the last.
    changing |= {"id", "created_at", "updated_at"} if answer.get("state") == "draft" or "gtin" in answer else set()
    return {name: "-" if value and name in changing else _timeless(value) for name, value in answer.items()}


def _take_turns(tests: list[Test], scale: Scale) -> None:
    for test in tests:  # not counted: caches fill, connections open
        for side in test.sides():
            side.window(scale.seconds / 4)
            side.milliseconds.clear()
            side.cpu_seconds, side.count = 0.0, 0
    for number in range(scale.rounds):
        for test in tests:
            for side in test.sides() if number % 2 else reversed(test.sides()):
                side.window(scale.seconds)


def _tests(
    billhook: Server,
    floor: Server,
    bare: Server,
    ours: Mapping[str, data.Organization],
    theirs: Mapping[str, data.Organization],
) -> list[Test]:
    def test(name: str, make: Callable[[str, data.Organization], Requests], where: str, bound: float) -> Test:
        floors, bares = Side(floor, make(API, ours[where])), Side(bare, make("", theirs[where]))
        return Test(name, floors, Side(billhook, make(API, ours[where])), bound, bares)

    def list_100(path: str, organization: data.Organization) -> Requests:
        return _again(request("GET", f"{path}/invoices?limit=100", organization.key))

    def first_by_cursor(path: str, organization: data.Organization) -> Requests:
        cursor = "cursor=" if path else f"below={2**62}"
        return _again(request("GET", f"{path}/invoices?limit=100&{cursor}", organization.key))

    few, many = Side(billhook, _middle(ours["few"])), Side(billhook, _middle(ours["many"]))
    issue = Side(billhook, _issuing(API, ours["none"]))
    return [
        test("create an invoice of 10 lines", _creating(data.RATED), "none", 3),
        test("the same, its tax looked up", _creating(data.BARE), "none", 3),
        Test("issue it", None, issue, None, Side(bare, _issuing("", theirs["none"]))),
        test("get one of 10 lines", _getting, "few", 3),
        test("list 100", list_100, "few", 4),
        test("list 100 by cursor", first_by_cursor, "few", 4),
        Test(f"page by cursor, {ours['few'].invoices:,} to {ours['many'].invoices:,}", few, many, 1.3),
    ]


def _again(one: bytes) -> Requests:
    return lambda _client: cycle([one])


def _creating(lines: list[dict[str, str]]) -> Callable[[str, data.Organization], Requests]:
    def make(path: str, organization: data.Organization) -> Requests:
        body = {"customer_id": organization.customer_id, "lines": lines}
        return _again(request("POST", f"{path}/invoices", organization.key, body))

    return make


def _issuing(path: str, organization: data.Organization) -> Requests:
    """Each draft can be issued once, so that they are made before the clock runs."""

    def drafts(client: Client) -> Iterator[bytes]:
        body = {"customer_id": organization.customer_id, "lines": data.RATED}
        made = [client.call("POST", f"{path}/invoices", organization.key, body)["id"] for _ in range(MOST_A_WINDOW)]
        return iter([request("POST", f"{path}/invoices/{each}/issue", organization.key) for each in made])

    return drafts


def _getting(path: str, organization: data.Organization) -> Requests:
    made = [request("GET", f"{path}/invoices/{each}", organization.key) for each in organization.invoice_ids]
    return lambda _client: cycle(made)


def _middle(organization: data.Organization) -> Requests:
    """The page in the middle of the list, by its cursor."""

    def page(client: Client) -> Iterator[bytes]:
        number = organization.invoices // 200
        answer = client.call("GET", f"{API}/invoices?limit=100&page={number}", organization.key)
        cursor = answer["meta"]["next_cursor"]
        return cycle([request("GET", f"{API}/invoices?limit=100&cursor={cursor}", organization.key)])

    return page


def _compared(backend: str, test: Test) -> Figure:
    billhook, base, bare = test.billhook.median(), test.base and test.base.median(), test.bare and test.bare.median()
    cpu = f"CPU {test.billhook.cpu():.2f} ms"
    cpu += f", {test.billhook.cpu() / test.base.cpu():.2f} x" if test.base else ", -"
    cpu += f", {test.billhook.cpu() / test.bare.cpu():.2f} x" if test.bare else ""
    return Figure(
        backend,
        test.name,
        billhook / base if base else None,
        test.bound,
        base=f"{base:.2f} ms" if base else "",
        bare=f"{bare:.2f} ms" if bare else "",
        bare_ratio=f"{billhook / bare:.2f}" if bare else "",
        billhook=f"{billhook:.2f} ms",
        cpu=cpu,
    )


def _pdf(backend: str, server: Server, organization: data.Organization) -> list[Figure]:
    """An invoice that is drawn, and then asked for again; both times with the link and the file behind it."""
    first, again, pages = [], [], 0
    with Client(server.port) as client:
        for _ in range(PDFS):
            body = {"customer_id": organization.customer_id, "lines": data.TWO_PAGES}
            invoice = client.call("POST", f"{API}/invoices", organization.key, body)["id"]
            client.call("POST", f"{API}/invoices/{invoice}/issue", organization.key)
            try:
                taken, pdf = _fetch(client, invoice, organization.key)
            except Refused as refusal:
                if refusal.status != NOT_THERE:
                    raise
                print(f"{backend}: PDF skipped, the answer was {refusal.status}")
                return []
            first.append(taken)
            again += [_fetch(client, invoice, organization.key)[0] for _ in range(WARM_UP)]
            pages = len(pypdf.PdfReader(BytesIO(pdf)).pages)
    return [
        Figure(backend, f"PDF of {pages} pages, drawn", statistics.median(first), None, "ms"),
        Figure(backend, "PDF again, kept: link and file", statistics.median(again), 5, "ms"),
    ]


def _fetch(client: Client, invoice: str, key: str) -> tuple[float, bytes]:
    started = time.perf_counter()
    url = client.call("POST", f"{API}/invoices/{invoice}/pdf", key)["url"]
    pdf = client.send(request("GET", url[url.index(API) :]))
    return (time.perf_counter() - started) * 1000, pdf


def _size(backend: str, billhook: Server, floor: Server, bare: Server) -> list[Figure]:
    if not sys.platform.startswith("linux"):
        print(f"{backend}: memory skipped, it is read from Linux's /proc")
        return []
    resident, share = memory_mb(billhook.workers()[0])
    base, least = (f"{memory_mb(each.workers()[0])[0]:.0f} MB" for each in (floor, bare))
    figures = [Figure(backend, "a worker after the load, resident", resident, 150, "MB", base=base, bare=least)]
    figures.append(Figure(backend, "the same, its share of shared pages", share, 150, "MB"))
    return figures + [
        Figure(backend, "the process that draws PDFs, resident", memory_mb(pid)[0], None, "MB")
        for pid in billhook.helpers()
    ]


def _start(backend: str, environment: Mapping[str, str], url: str, bare_url: str, log: Path) -> Figure:
    served = {
        "wsgi:application": environment,
        "bench.floor:app": _floor(url),
        "bench.bare:app": {"FLOOR_DATABASE": bare_url},
    }
    taken: dict[str, list[float]] = {application: [] for application in served}
    for _ in range(STARTS):
        for application, variables in served.items():
            with serve(application, variables, log) as server:
                taken[application].append(server.start_seconds)
    ours, base, bare = map(statistics.median, taken.values())
    return Figure(backend, "start, until the first /health", ours, 2, "s", base=f"{base:.2f} s", bare=f"{bare:.2f} s")


def _print(figures: list[Figure], *, quick: bool) -> None:
    head = f"{'':10} {'figure':36}  {'Billhook':>9}  {'floor':>8}  {'ratio':>5}  {'bound':>8}  {'':6}"
    print(f"\n{head}  {'bare':>8}  {'ratio':>6}")
    for figure in figures:
        print(figure.line())
    print(
        "\nTime of a request, median of the windows. Floor: the same work; the bound is on the ratio to it. Bare: the"
    )
    print(
        "least work that makes an invoice. CPU: of Billhook's processes; beside the floor's, beside the bare floor's."
    )
    print("In the line of the page by cursor the floor is Billhook itself with few invoices.")
    if quick:
        print("--quick: these figures are for seeing that the benchmark works, not for judging.")


if __name__ == "__main__":
    sys.exit(main())
