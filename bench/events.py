"""What an event costs: creating an invoice of ten lines with its event and audit entry, and without, in one run.

    python -m bench.events                    SQLite; --backend postgresql, --rounds 20 --each 50

In process, through the WSGI application: no network and no second process blurs the difference. Windows with and
without take turns; the figure is the ratio of two medians, bound 1.10 (the event's share of a create at most a tenth).
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import orjson

from app.factory import create_app
from app.invoices import service
from bench import data
from bench.run import BACKENDS, _databases

BOUND = 1.10


def main() -> int:
    """Measure and print. Returns 1 when the bound was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=BACKENDS, default="sqlite")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--each", type=int, default=50, help="invoices a window")
    options = parser.parse_args()
    with ExitStack() as stack:
        urls = _databases(options.backend, stack)
        if urls is None:
            return 0
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="billhook-bench-")))
        settings = {"database_url": urls[0], "instance_path": folder, "log_level": "WARNING"}
        organization = data.fill_billhook(settings, {"one": data.Size(0)})["one"]
        took = _measure(settings, organization, options.rounds, options.each)
    with_event, without = statistics.median(took["with"]), statistics.median(took["without"])
    ratio = with_event / without
    verdict = "ok" if ratio <= BOUND else "MISSED"
    print(f"{options.backend}: {with_event:.2f} ms with, {without:.2f} ms without: {ratio:.3f} (≤ {BOUND}) {verdict}")
    return int(ratio > BOUND)


def _measure(settings: dict[str, object], place: data.Organization, rounds: int, each: int) -> dict[str, list[float]]:
    client = create_app(settings).test_client()
    body = orjson.dumps({"customer_id": place.customer_id, "lines": data.RATED})
    headers = {"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"}
    emit, took = service.emit, {"with": [], "without": []}
    ways = {"with": emit, "without": lambda _event: None}
    for turn in range(rounds * 2 + 2):
        name = "with" if turn % 2 else "without"
        service.emit = ways[name]
        started = time.perf_counter()
        for _ in range(each):
            if client.post("/api/v1/invoices", data=body, headers=headers).status_code != 201:  # noqa: PLR2004 - created
                raise RuntimeError("an invoice was refused")
        if turn > 1:
            took[name].append((time.perf_counter() - started) * 1000 / each)
    service.emit = emit
    return took


if __name__ == "__main__":
    sys.exit(main())
