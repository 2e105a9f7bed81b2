"""GET /metrics for Prometheus. Where it is switched off, which is the default, nothing is counted and nothing is there.

Of several server processes each counts into files of its own, and whichever is asked tells the sum (app/cli/server.py
prepares their folder). What the database knows (jobs, outbox, deliveries) comes through a port, asked at each scrape:
app.extensions["billhook.gauges"], a tuple of callables giving {name: value}; a name may carry labels, as in
`jobs{state="dead"}`.
"""

import hmac
import ipaddress
import os
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import event

from app.data.readiness import gather
from app.extensions import db
from app.http.blueprint import Blueprint
from app.http.errors import NotFound
from app.http.guard import public

PORT = "billhook.gauges"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_EXTENSION = "billhook.metrics"
_GAUGE = re.compile(r"([a-z_:][a-z0-9_:]*)(?:\{(.*)\})?", re.ASCII)
_LABEL = re.compile(r'([a-z_]+)="([^"]*)",?', re.ASCII)

bp = Blueprint("metrics", __name__, url_prefix="", description="Figures for Prometheus.")


class Metrics:
    """What this process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        rows = ("method", "path", "status")
        self.requests = Counter("billhook_requests", "Requests answered.", rows, registry=self.registry)
        self.seconds = Histogram(
            "billhook_request_seconds", "Time to answer.", rows[:2], registry=self.registry, buckets=BUCKETS
        )
        # Several processes add up; one that is gone has nothing in hand any more.
        self.in_flight = Gauge(
            "billhook_requests_in_flight",
            "Requests being answered.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.pool = Gauge(
            "billhook_database_connections_in_use",
            "Database connections that somebody works with.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )


def init_app(app: Flask) -> None:
    """Count requests and connections. Called only where somebody may read the figures."""
    metrics = app.extensions[_EXTENSION] = Metrics()
    app.before_request(_begin)
    app.after_request(_count)
    app.teardown_request(_end)
    with app.app_context():
        event.listen(db.engine, "checkout", lambda *_: metrics.pool.inc())
        event.listen(db.engine, "checkin", lambda *_: metrics.pool.dec())


@bp.route("/metrics")
@public("it has a door of its own: the machine's loopback address, or a token")
@bp.response(200, {"type": "string"}, content_type="text/plain", description="Prometheus text format.")
def get_metrics() -> Response:
    """Tell figures of requests, work and processes."""
    if not _may_read(current_app.config["BILLHOOK"].metrics):
        raise NotFound("There is nothing at this address.")
    folder, counted = os.environ.get(FOLDER), _metrics().registry
    if folder:
        counted = CollectorRegistry()
        MultiProcessCollector(counted, folder)  # type: ignore[no-untyped-call]
    asked = CollectorRegistry()
    asked.register(_Work())
    asked.register(_Processes(_pids(folder)))
    return Response(generate_latest(counted) + generate_latest(asked), content_type=CONTENT_TYPE)


class _Work(Collector):
    """What features know of their work, from the database."""

    def collect(self) -> Iterator[Metric]:
        """Ask them."""
        given, failed = gather(current_app.extensions.get(PORT, ()), "figures of all organisations are added up")
        rows: dict[str, Metric] = {}
        for name, value in given.items():
            found = _GAUGE.fullmatch(name)
            if found is None:
                failed.append(name)
                continue
            full, labels = f"billhook_{found[1]}", dict(_LABEL.findall(found[2] or ""))
            row = rows.setdefault(full, Metric(full, "Counted in the database.", "gauge"))
            row.add_sample(full, labels, float(value))
        yield from rows.values()
        broken = Metric("billhook_gauges_failed", "Sources of figures that could not be asked.", "gauge")
        broken.add_sample(broken.name, {}, float(len(failed)))
        yield broken


class _Processes(Collector):
    """Memory, processor time and files of the server's processes."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        """Read /proc; elsewhere than on Linux there is nothing to tell."""
        rows: dict[str, Metric] = {}
        for pid in self._pids:
            for each in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                row = rows.setdefault(each.name, Metric(each.name, each.documentation, each.type))
                for sample in each.samples:
                    row.add_sample(sample.name, {"pid": str(pid)}, sample.value)
        yield from rows.values()


def _pids(folder: str | None) -> list[int]:
    found = {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("gauge_live*_*.db")} if folder else set()
    return sorted(found | {os.getpid()})


def _may_read(door: str) -> bool:
    if door.startswith("token:"):
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        return hmac.compare_digest(given, f"Bearer {door.partition(':')[2]}".encode())
    # A proxy on this machine calls from here as well, for whoever is behind it.
    if door != "loopback" or any(name in request.headers for name in FORWARDED):
        return False
    try:
        caller = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(caller, "ipv4_mapped", None) or caller).is_loopback


def _metrics() -> Metrics:
    found: Metrics = current_app.extensions[_EXTENSION]
    return found


def _begin() -> None:
    g.counted_from = time.perf_counter()
    _metrics().in_flight.inc()


def _count(response: Response) -> Response:
    """Note a request under the template of its path: what callers make up must not become rows."""
    method = request.method if request.method in VERBS else "OTHER"
    path = request.url_rule.rule if request.url_rule else "(none)"
    metrics = _metrics()
    metrics.requests.labels(method, path, response.status_code).inc()
    metrics.seconds.labels(method, path).observe(time.perf_counter() - g.counted_from)
    return response


def _end(_error: BaseException | None) -> None:
    if "counted_from" in g:
        _metrics().in_flight.dec()
