"""The log: structured lines on standard error, one a request, with the request's id, organisation and key.

The loggers of the standard library are routed into it, those of other packages too. structlog is loaded with the first
line (lines.py). Paths are written as the templates they matched: an address may hold a secret, a template cannot.
"""

import logging
import os
import time
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.utils import import_string

from app.config import Settings, log_format, secrets_of, unknown_variables
from app.http.masking import Masker, shown_key
from app.http.principal import Principal

PROBES = frozenset({"health.get_health", "health.get_readiness", "metrics.get_metrics"})
_MILLISECONDS = 1000


class Log(logging.Handler):
    """Where everything goes that is logged in this process."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._lines: Any = None

    @property
    def lines(self) -> Any:
        """How lines are made and written; structlog is loaded here."""
        if self._lines is None:
            masker = Masker(secrets_of(self._settings))
            self._lines = import_string("app.http.lines:Lines")(log_format(self._settings), masker)
        return self._lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of the standard library's loggers."""
        try:
            self.lines.write(record)
        except Exception:  # noqa: BLE001 - logging must not fail what is logged; this tells of it on standard error
            self.handleError(record)


def init_app(app: Flask, settings: Settings) -> None:
    """Route all logging; one line a request; say which BILLHOOK_* variables are no settings."""
    handler = route(settings)
    for sentence in unknown_variables(os.environ):
        app.logger.warning(sentence)
    quiet = logging.getLevelName(settings.log_level)
    app.before_request(_start)
    if quiet <= logging.INFO:
        app.after_request(_access_line(handler, probes=quiet <= logging.DEBUG))


def route(settings: Settings, *names: str) -> Log:
    """Send what is logged through our lines: the root's and, by name, that of loggers which keep to themselves."""
    handler = Log(settings)
    logging.getLogger("app").setLevel(settings.log_level)
    for logger in (logging.getLogger(), *map(logging.getLogger, names)):
        for old in [each for each in logger.handlers if isinstance(each, Log) or logger.name in names]:
            logger.removeHandler(old)
        logger.addHandler(handler)
    return handler


def _start() -> None:
    g.started = time.perf_counter()


def _access_line(log: Log, *, probes: bool) -> Any:
    def write(response: Response) -> Response:
        # The objects behind Flask's proxies, fetched once: each look through a proxy costs as much as a field.
        asked, kept = request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        rule = asked.url_rule
        probe = rule is not None and rule.endpoint in PROBES
        if probe and not probes:
            return response
        facts = {
            "request_id": kept.get("request_id"),
            **caller_facts(kept.get("principal"), asked.environ.get("HTTP_AUTHORIZATION")),
            "method": asked.method,
            "path": rule.rule if rule else None,
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - kept.started) * _MILLISECONDS, 2),
            "remote": asked.remote_addr,
        }
        log.lines.access("debug" if probe else "info", facts)
        return response

    return write


def caller_facts(who: Principal | None, authorization: str | None) -> dict[str, str | None]:
    """The organisation and the key that a request came with, once the key was found good."""
    if who is None or not authorization:
        return {"organization": None, "key": None}
    return {"organization": str(who.org_id), "key": shown_key(authorization.split()[-1])}
