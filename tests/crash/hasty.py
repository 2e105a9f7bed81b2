"""Billhook whose leases are soon over, for processes that are killed on purpose: nobody waits a minute for the dead."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from flask import Flask

from app import factory
from app.mail import sending
from app.webhooks import claiming

SECONDS = float(os.environ.get("HASTY_SECONDS", "3"))


def _in_a_hurry(make: Any, *given: Any) -> Flask:
    """An application; what is leased in this process is leased for a few seconds from now on."""
    hurried = replace(sending.send_message, lease=SECONDS)
    with patch.object(
        factory, "JOBS", tuple(hurried if each is sending.send_message else each for each in factory.JOBS)
    ):
        made: Flask = make(*given)
    claiming.LEASE, sending.BUSY = timedelta(seconds=SECONDS), timedelta(seconds=SECONDS)
    return made


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    return _in_a_hurry(factory.create_app, overrides)


def serve_app() -> Flask:
    return _in_a_hurry(factory.serve_app)
