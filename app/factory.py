"""Builds the application: an ordered list of one-line steps. Building runs no query; that is checked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import Flask
from sqlalchemy import event
from werkzeug.utils import import_string

from app import config
from app.accounts.access import KeyAccess
from app.accounts.events import EVENTS as ACCOUNT_EVENTS
from app.accounts.routes import bp as accounts_bp
from app.accounts.scopes import SCOPES
from app.accounts.service import SETUP, timezone_of
from app.audit.routes import bp as audit_bp
from app.calculations.routes import bp as calculations_bp
from app.cli import commands
from app.config import BootError, Settings
from app.customers import ledger
from app.customers.events import EVENTS as CUSTOMER_EVENTS
from app.customers.routes import bp as customers_bp
from app.data import engine, readiness
from app.documents.renderer import Renderer
from app.documents.routes import bp as documents_bp
from app.documents.service import EXTENSION as RENDERER
from app.egress.client import EXTENSION as EGRESS
from app.egress.client import Egress
from app.events import recording
from app.events.declare import EXTENSION as EVENT_CATALOGUE
from app.events.declare import Catalogue
from app.events.openapi import describe_events
from app.events.relay import EXTENSION as SUBSCRIBERS
from app.events.relay import RelaySource
from app.events.routes import bp as events_bp
from app.events.service import set_up as set_up_events
from app.extensions import db
from app.http import errors, guard, health, json, logs, openapi
from app.http.blueprint import Blueprint
from app.http.principal import EXTENSION
from app.invoices.events import EVENTS as INVOICE_EVENTS
from app.invoices.ports import InvoiceLedger, InvoiceNumbers
from app.invoices.routes import bp as invoices_bp
from app.items.events import EVENTS as ITEM_EVENTS
from app.items.routes import bp as items_bp
from app.jobs import declare, handlers, upkeep
from app.jobs import engine as jobs_engine
from app.jobs import figures as work
from app.jobs.declare import Job, Periodic
from app.jobs.handlers import Handlers, enqueue_handlers
from app.jobs.schedule import ScheduleSource
from app.jobs.service import prune
from app.jobs.source import TIMEZONE_OF, JobSource
from app.jobs.work import SOURCES
from app.mail.routes import bp as mail_bp
from app.mail.sending import send_message
from app.numbering import audit
from app.numbering.events import EVENTS as NUMBERING_EVENTS
from app.numbering.routes import bp as numbering_bp
from app.numbering.service import set_up as set_up_numbering
from app.taxes.events import EVENTS as TAX_EVENTS
from app.taxes.routes import bp as taxes_bp
from app.tiers import catalogue
from app.webhooks import figures as deliveries
from app.webhooks.events import EVENTS as WEBHOOK_EVENTS
from app.webhooks.fanout import fan_out
from app.webhooks.jobs import prune_deliveries
from app.webhooks.routes import bp as webhooks_bp
from app.webhooks.sender import Sender

BLUEPRINTS = (
    openapi.bp,
    health.bp,
    accounts_bp,
    taxes_bp,
    items_bp,
    customers_bp,
    numbering_bp,
    invoices_bp,
    calculations_bp,
    documents_bp,
    mail_bp,
    events_bp,
    audit_bp,
    webhooks_bp,
)

EVENTS = (
    *ACCOUNT_EVENTS,
    *TAX_EVENTS,
    *ITEM_EVENTS,
    *CUSTOMER_EVENTS,
    *NUMBERING_EVENTS,
    *INVOICE_EVENTS,
    *WEBHOOK_EVENTS,
)

# What may be done later, and what the schedule does by itself.
JOBS: tuple[Job, ...] = (send_message,)
HANDLERS: Handlers = {}
PERIODICS: tuple[Periodic, ...] = (prune, *upkeep.PERIODICS, prune_deliveries)

GAUGES = "billhook.gauges"  # app/http/metrics.py, which is loaded only where somebody may read them

engine.attach_session_events()
recording.attach()


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The WSGI application. `overrides` win over environment and file. Raises BootError with a sentence per problem."""
    settings = config.load(overrides=overrides)
    app = Flask("app", instance_path=str(settings.instance_path), static_folder=None)
    app.config["BILLHOOK"] = settings
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.secret_key = settings.secret_key
    app.url_map.merge_slashes = False  # a redirect would answer outside the envelope
    logs.init_app(app, settings)
    json.init_app(app)
    errors.init_app(app)
    engine.init_app(app, settings)
    app.extensions[EXTENSION] = KeyAccess(catalogue.load(settings))
    app.extensions[RENDERER] = Renderer(seconds=settings.pdf_seconds, extra_fonts=settings.fonts_path)
    app.extensions[EGRESS] = Egress(settings.egress_allow)
    _fill_ports(app)
    _list_jobs(app, settings)
    with_metrics = settings.metrics != "off"
    if with_metrics:
        import_string("app.http.metrics:init_app")(app)
    guard.init_app(app)
    with app.app_context(), _no_query():
        _register_routes(app, *([import_string("app.http.metrics:bp")] if with_metrics else []))
    commands.init_app(app)
    return app


def serve_app() -> Flask:
    """The application for a WSGI server: as `create_app`, and its jobs are done where the settings want them done.

    The `flask` command loads wsgi.py too, but serves nobody, and says so in FLASK_RUN_FROM_CLI.
    """
    app = create_app()
    if os.environ.get("FLASK_RUN_FROM_CLI") != "true":
        app.extensions[jobs_engine.EXTENSION].serve()
    return app


def _fill_ports(app: Flask) -> None:
    """Lower features ask higher ones through ports; here is who answers."""
    app.extensions[ledger.EXTENSION] = InvoiceLedger()
    app.extensions[audit.EXTENSION] = InvoiceNumbers()
    app.extensions[SETUP] = (set_up_events, set_up_numbering)
    app.extensions[EVENT_CATALOGUE] = Catalogue.of(EVENTS, {})
    app.extensions[SUBSCRIBERS] = (enqueue_handlers, fan_out)
    app.extensions[handlers.EXTENSION] = HANDLERS
    app.extensions[TIMEZONE_OF] = timezone_of
    app.extensions[readiness.PORT] = (work.readiness,)
    app.extensions[GAUGES] = (work.gauges, deliveries.gauges)


def _list_jobs(app: Flask, settings: Settings) -> None:
    """Jobs by name, the schedule, and the kinds of work that the runner works off."""
    found: dict[str, Job] = {}
    for job in (*JOBS, *(periodic.job for periodic in PERIODICS)):
        if found.setdefault(job.name, job) is not job:
            raise BootError([f"the job '{job.name}' is declared twice."])
    app.extensions[declare.JOBS] = found
    app.extensions[declare.PERIODICS] = PERIODICS
    app.extensions[SOURCES] = (RelaySource(), ScheduleSource(), JobSource(settings.worker_threads), Sender())
    jobs_engine.init_app(app, settings)


def _register_routes(app: Flask, *more: Blueprint) -> None:
    api = openapi.make_api(app)
    for blueprint in (*BLUEPRINTS, *more):
        api.register_blueprint(blueprint)
    describe_events(api.spec, app.extensions[EVENT_CATALOGUE])
    _check_markers(app)


def _check_markers(app: Flask) -> None:
    """A route may ask only for scopes that keys can hold and tiers that the operator has."""
    known = app.extensions[EXTENSION]
    problems = []
    for endpoint, view in sorted(app.view_functions.items()):
        marker = getattr(view, "guard", None)
        if marker and marker.scope and marker.scope not in SCOPES:
            problems.append(f"{endpoint} asks for the scope '{marker.scope}', which no key can hold.")
        if marker and not known.knows_tier(marker.tier):
            problems.append(f"{endpoint} asks for the tier '{marker.tier}', which the catalogue lacks.")
    if problems:
        raise BootError(problems)


@contextmanager
def _no_query() -> Iterator[None]:
    """Start-up must not need the database: migrations and the doctor run before there is one."""

    def refuse(*_: object) -> NoReturn:
        raise RuntimeError("the application asked the database while it was being built")

    event.listen(db.engine, "do_connect", refuse)
    try:
        yield
    finally:
        event.remove(db.engine, "do_connect", refuse)
