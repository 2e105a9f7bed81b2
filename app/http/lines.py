"""How a line of the log is made, through structlog. Loaded with the first line: who logs nothing does without.

Two ways lead here: the access line, straight from the request, and whatever the standard library's loggers are told,
through structlog's processors.
"""

import logging
import os
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from flask import g, has_request_context, request
from structlog.processors import format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from app.data import clock
from app.http.logs import caller_facts
from app.http.masking import Masker

Event = MutableMapping[str, Any]

ACCESS = "app.access"
_HEAD = ("timestamp", "level", "logger", "event")
_STDERR = 2


class Lines:
    """Writes lines to standard error in one form, json or text."""

    def __init__(self, form: str, masker: Masker) -> None:
        render = as_json if form == "json" else as_text
        self._masker, self._render = masker, render
        self._formatter = ProcessorFormatter(
            foreign_pre_chain=[
                add_log_level,
                add_logger_name,
                ExtraAdder(),
                structlog.contextvars.merge_contextvars,
                request_facts,
                _stamp,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, format_exc_info, masker, render],
        )

    def access(self, level: str, facts: Event) -> None:
        """Write the line of one request: straight, because a chain of processors costs more than all else here.

        Only the request's id and method are a caller's own words, and are masked; the rest is ours.
        """
        event: Event = {"timestamp": _now(), "level": level, "logger": ACCESS, "event": "request", **facts}
        event["request_id"] = self._masker.text(facts["request_id"] or "")
        event["method"] = self._masker.text(facts["method"])
        write(self._render(None, level, event))

    def write(self, record: logging.LogRecord) -> None:
        """Write what a logger of the standard library was told."""
        write(self._formatter.format(record))


def write(line: str) -> None:
    """One system call for a line: lines of several threads and processes stay whole."""
    rest = memoryview(f"{line}\n".encode("utf-8", "replace"))
    while rest:
        rest = rest[os.write(_STDERR, rest) :]


def request_facts(_logger: object, _level: str, event: Event) -> Event:
    """Which request it was, of which organisation and key."""
    if has_request_context():
        event["request_id"] = g.get("request_id")
        event.update(caller_facts(g.get("principal"), request.headers.get("Authorization")))
    return event


def as_json(_logger: object, _level: str, event: Event) -> str:
    """One JSON object, the head first."""
    head = {name: event.get(name) for name in _HEAD}
    return orjson.dumps({**head, **event}, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def as_text(_logger: object, _level: str, event: Event) -> str:
    """A line for people; nothing that a caller sent can begin another one."""
    timestamp, level, logger, said = (event.pop(name, None) for name in _HEAD)
    request_id, exception = event.pop("request_id", None) or "-", event.pop("exception", None)
    rest = "".join(f" {name}={_quoted(value)}" for name, value in event.items() if value is not None)
    said = str(said).encode("unicode_escape").decode() if not str(said).isprintable() else said
    line = f"{timestamp} {str(level).upper()} {logger} [{_quoted(request_id)}] {said}{rest}"
    return f"{line}\n{exception}" if exception else line


def _quoted(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else orjson.dumps(text).decode()


def _stamp(_logger: object, _level: str, event: Event) -> Event:
    event["timestamp"] = _now()
    return event


def _now() -> str:
    return f"{clock.now().isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
