"""Builds the application: an ordered list of one-line steps. Building runs no query; that is checked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import Flask
from sqlalchemy import event
from werkzeug.utils import import_string

from app import config
from app.accounts.access import KeyAccess
from app.accounts.routes import bp as accounts_bp
from app.accounts.scopes import SCOPES
from app.accounts.service import SETUP
from app.calculations.routes import bp as calculations_bp
from app.cli import commands
from app.config import BootError
from app.customers import ledger
from app.customers.routes import bp as customers_bp
from app.data import engine, readiness
from app.documents.renderer import Renderer
from app.documents.routes import bp as documents_bp
from app.documents.service import EXTENSION as RENDERER
from app.extensions import db
from app.http import errors, guard, health, json, logs, openapi
from app.http.blueprint import Blueprint
from app.http.principal import EXTENSION
from app.invoices.ports import InvoiceLedger, InvoiceNumbers
from app.invoices.routes import bp as invoices_bp
from app.items.routes import bp as items_bp
from app.numbering import audit
from app.numbering.routes import bp as numbering_bp
from app.numbering.service import set_up as set_up_numbering
from app.taxes.routes import bp as taxes_bp
from app.tiers import catalogue

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
)

engine.attach_session_events()


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
    _fill_ports(app)
    with_metrics = settings.metrics != "off"
    if with_metrics:
        import_string("app.http.metrics:init_app")(app)
    guard.init_app(app)
    with app.app_context(), _no_query():
        _register_routes(app, *([import_string("app.http.metrics:bp")] if with_metrics else []))
    commands.init_app(app)
    return app


def _fill_ports(app: Flask) -> None:
    """Lower features ask higher ones through ports; here is who answers."""
    app.extensions[ledger.EXTENSION] = InvoiceLedger()
    app.extensions[audit.EXTENSION] = InvoiceNumbers()
    app.extensions[SETUP] = (set_up_numbering,)
    app.extensions[readiness.PORT] = ()  # facts for /health/ready
    app.extensions["billhook.gauges"] = ()  # figures for /metrics


def _register_routes(app: Flask, *more: Blueprint) -> None:
    api = openapi.make_api(app)
    for blueprint in (*BLUEPRINTS, *more):
        api.register_blueprint(blueprint)
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
