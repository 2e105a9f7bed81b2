"""How a line of the log is made, through structlog. Loaded with the first line: who logs nothing does without.

Two ways lead here: the access line, straight from the request, and whatever the standard library's loggers are told.
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
        self._access = structlog.wrap_logger(
            _Stderr(),
            processors=[add_log_level, _stamp, _masking_callers_words(masker), render],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            cache_logger_on_first_use=True,
        ).bind(logger=ACCESS)
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

    def access(self, level: str, facts: dict[str, Any]) -> None:
        """Write the line of one request."""
        getattr(self._access, level)("request", **facts)

    def write(self, record: logging.LogRecord) -> None:
        """Write what a logger of the standard library was told."""
        write(self._formatter.format(record))


def _masking_callers_words(masker: Masker) -> Any:
    """Of an access line only these are a caller's own words; the rest is ours, and a look at each costs time."""

    def mask(_logger: object, _level: str, event: Event) -> Event:
        event["request_id"], event["method"] = masker.text(event["request_id"] or ""), masker.text(event["method"])
        return event

    return mask


class _Stderr:
    def info(self, line: str) -> None:
        write(line)

    debug = info


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
    head = {name: event.pop(name, None) for name in _HEAD}
    return orjson.dumps(head | dict(event), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


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
    event["timestamp"] = f"{clock.now().isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
    return event
