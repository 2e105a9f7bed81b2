"""The log: one line a message on standard error, with the request's id where there is one."""

import logging
import os
import sys

from flask import Flask, g, has_request_context

from app.config import Settings, unknown_variables

_FORM = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return True


def init_app(app: Flask, settings: Settings) -> None:
    """Set the level and the form, once a process; say which BILLHOOK_* variables are no settings."""
    logger = logging.getLogger("app")
    logger.setLevel(settings.log_level)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.addFilter(_RequestId())
        handler.setFormatter(logging.Formatter(_FORM))
        logger.addHandler(handler)
    for sentence in unknown_variables(os.environ):
        app.logger.warning(sentence)
