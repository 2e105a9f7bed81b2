"""What gunicorn is told: `gunicorn --config python:app.cli.server …`, which is what `flask serve` becomes.

Its names are gunicorn's settings. Everything can be said otherwise on gunicorn's command line.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from app.config import load  # not `config`, which is a setting of gunicorn's

GRACEFUL_SECONDS = 25
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_METRICS_PREFIX = "billhook-metrics-"

worker_class = "app.cli.gunicorn_worker.Worker"
logger_class = "app.cli.gunicorn_worker.Logger"
threads = 8
graceful_timeout = GRACEFUL_SECONDS
control_socket_disable = True
loglevel = "warning"
limit_request_line = 8190


def on_starting(server: Any) -> None:
    """Give the processes to come one place for their figures, so that any of them can tell those of all."""
    if load().metrics == "off" or METRICS_VARIABLE in os.environ:
        return
    for old in Path(tempfile.gettempdir()).glob(f"{_METRICS_PREFIX}*-*"):
        if not Path(f"/proc/{old.name.split('-')[2]}").exists():
            shutil.rmtree(old, ignore_errors=True)
    server.billhook_metrics = tempfile.mkdtemp(prefix=f"{_METRICS_PREFIX}{os.getpid()}-")
    os.environ[METRICS_VARIABLE] = server.billhook_metrics


def child_exit(server: Any, worker: Any) -> None:
    """What a process had in hand is nobody's when it is gone; what it has counted stays counted."""
    if folder := getattr(server, "billhook_metrics", None):
        for path in Path(folder).glob(f"gauge_live*_{worker.pid}.db"):
            path.unlink(missing_ok=True)


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    if folder := getattr(server, "billhook_metrics", None):
        shutil.rmtree(folder, ignore_errors=True)
