"""What `flask doctor` looks at: each function yields findings on one matter, and none changes any data."""

import os
import shutil
import socket
import ssl
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from app.cli.postgres_copy import Target, find_tool, major
from app.cli.shell import DATABASE_ERRORS, Refusal, first_line
from app.config import PREFIX, Settings, log_format, unknown_variables
from app.data.base import Base, TenantModel
from app.data.engine import RUNTIME_ROLE, can_bypass_row_security
from app.data.migrate import pending_migrations
from app.documents.frames import PdfJob
from app.documents.renderer import Renderer, RenderingFailed
from app.extensions import db
from app.mail import transport

FONTS = Path(__file__).resolve().parents[1] / "documents" / "fonts"
LEAST_FREE_BYTES = 500 * 1024 * 1024
MOST_CLOCK_SECONDS = 5.0
BUILT = datetime(2025, 1, 1, tzinfo=UTC)
REDIS_SECONDS = 3.0
REDIS_PORT = 6379


@dataclass(frozen=True)
class Finding:
    """One matter: what was found, whether it is as it should be, and how to mend it where it is not."""

    ok: bool
    what: str
    mend: str = ""


Findings = Iterator[Finding]


def variables() -> Findings:
    """BILLHOOK_* variables that mean nothing: most are typing errors."""
    for sentence in unknown_variables(os.environ):
        yield Finding(ok=False, what=sentence, mend="Rename the variable, or unset it.")


def configuration(app: Flask) -> Findings:
    """Where things are; reaching this, every setting was read and found good."""
    settings = _settings(app)
    yield Finding(ok=True, what=f"Configuration: every setting is valid; instance folder {settings.instance_path}.")
    secret = settings.instance_path / "secret_key"
    if secret.exists() and secret.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Finding(ok=False, what=f"Other users of this machine can read {secret}.", mend=f"chmod 600 {secret}")


def database(app: Flask) -> Findings:
    """Whether it answers, is migrated, holds tenants apart, and has the same time."""
    name = make_url(_settings(app).database_url).render_as_string(hide_password=True)
    try:
        with db.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
            yield Finding(ok=True, what=f"Database: {name} answers.")
            if connection.dialect.name == "postgresql":
                yield from _role(connection)
                yield from _clocks(connection)
        yield from _migrations(app)
    except (*DATABASE_ERRORS, OSError) as error:
        reason = first_line(getattr(error, "orig", None) or error)
        fresh = RUNTIME_ROLE in reason
        mend = "flask db upgrade" if fresh else f"Start the database, or set {PREFIX}DATABASE_URL right."
        yield Finding(ok=False, what=f"Database: {name} cannot be used: {reason}.", mend=mend)


def clock(app: Flask) -> Findings:  # noqa: ARG001 - all checks are called alike
    """A clock that stands in the past dates documents wrongly and lets expired keys work."""
    now = datetime.now(UTC)
    mend = "Set the clock of this machine, and keep it right with NTP."
    yield Finding(ok=now > BUILT, what=f"Clock: it is {now:%Y-%m-%d %H:%M:%S} UTC.", mend=mend)


def fonts(app: Flask) -> Findings:
    """The bundled fonts, and the folder of further ones if one is set."""
    bundled = [path for path in FONTS.glob("*.ttf") if path.stat().st_size]
    mend = "Install Billhook again: its files are incomplete."
    yield Finding(ok=bool(bundled), what=f"Fonts: {len(bundled)} bundled files.", mend=mend)
    extra = _settings(app).fonts_path
    if extra is not None:
        found = [path.name for path in extra.glob("*") if path.suffix.lower() in {".ttf", ".ttc"}]
        text = f"Fonts: {len(found)} further files in {extra}."
        yield Finding(ok=bool(found), what=text, mend=f"Put .ttf files there, or unset {PREFIX}FONTS_PATH.")


def renderer(app: Flask) -> Findings:
    """One line, drawn the way an invoice is: in a process of its own, within its limits."""
    settings = _settings(app)
    started = time.perf_counter()
    try:
        with Renderer(seconds=settings.pdf_seconds, extra_fonts=settings.fonts_path) as drawing:
            size = len(drawing.draw(PdfJob("<html><body><p>Billhook</p></body></html>")))
    except (RenderingFailed, OSError) as error:
        mend = f"Run `python -m app.documents.child` to see why, or raise {PREFIX}PDF_SECONDS on a slow machine."
        yield Finding(ok=False, what=f"Documents: no PDF can be drawn: {first_line(error)}.", mend=mend)
        return
    seconds = time.perf_counter() - started
    yield Finding(ok=True, what=f"Documents: a PDF of {size:,} bytes was drawn in {seconds:.1f} s, start-up included.")


def folders(app: Flask) -> Findings:
    """Folders that are written to, and the room left on their disks."""
    settings = _settings(app)
    places = {settings.instance_path: "INSTANCE_PATH", settings.files_path: "FILES_PATH"}
    url = make_url(settings.database_url)
    if url.drivername == "sqlite" and url.database:
        places.setdefault(Path(url.database).absolute().parent, "DATABASE_URL")
    for path, name in places.items():
        yield from _folder(path, f"{PREFIX}{name}")


def redis(app: Flask) -> Findings:
    """A Redis that is set must answer; none is needed."""
    if not (url := _settings(app).redis_url):
        return
    parts = urlsplit(url)
    place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or REDIS_PORT}"
    try:
        reply = _ping(parts)
    except (OSError, ValueError) as error:
        reply = first_line(error)
    mend = f"Start Redis, or set {PREFIX}REDIS_URL right, or unset it."
    text = (
        f"Redis: {place} answers."
        if reply == "+PONG"
        else f"Redis: {place} does not answer PING: {reply or 'nothing'}."
    )
    yield Finding(ok=reply == "+PONG", what=text, mend=mend)


def mail(app: Flask) -> Findings:
    """A mail server that is set must let us in; without one, mail is written to files."""
    settings = _settings(app)
    server = transport.server_of(settings)
    if server is None:
        text = f"Mail: no mail server is set, so mail is written to files in {settings.instance_path / 'mail'}."
        yield Finding(ok=True, what=text)
        return
    try:
        with transport.opened(server) as link:
            link.noop()
    except (transport.NotNow, OSError) as error:
        mend = f"Set {PREFIX}SMTP_URL right (and {PREFIX}SMTP_CA_FILE for a certificate of your own), or unset it."
        yield Finding(ok=False, what=f"Mail: {server.place} does not let us in: {first_line(error)}.", mend=mend)
        return
    yield Finding(ok=True, what=f"Mail: {server.place} lets us in; mail comes from {transport.sender_of(settings)}.")
    if server.in_the_clear:
        mend = f"Write smtp+starttls:// or smtps:// in {PREFIX}SMTP_URL."
        yield Finding(ok=False, what="Mail: the password crosses the network unencrypted.", mend=mend)
    if not settings.mail_from and not server.user:
        mend = f"Set {PREFIX}MAIL_FROM to an address of yours, or receivers may take the mail for spam."
        yield Finding(ok=False, what="Mail: no sender is set.", mend=mend)


def observation(app: Flask) -> Findings:
    """What the log looks like here, and who may read the metrics."""
    settings = _settings(app)
    chosen = "chosen" if settings.log_format else "text at a terminal, json elsewhere"
    text = f"Log: {log_format(settings)} on standard error ({chosen}), from {settings.log_level} on."
    yield Finding(ok=True, what=text)
    doors = {"off": "off", "loopback": "for this machine's loopback address, and not through a proxy"}
    yield Finding(ok=True, what=f"Metrics: {doors.get(settings.metrics, 'for whoever has the token')}.")


def backup_tools(app: Flask) -> Findings:
    """PostgreSQL's own programs, which `flask backup` and `flask restore` need."""
    settings = _settings(app)
    if db.engine.dialect.name != "postgresql":
        return
    try:
        with Target.of(settings.database_url).connect() as connection:
            server = major(connection)
    except Refusal:
        return  # told by `database`
    for name in ("pg_dump", "pg_restore", "psql"):
        try:
            yield Finding(ok=True, what=f"Backup: {find_tool(name, settings.pg_bin, server)} fits the server.")
        except Refusal as error:
            what, _, mend = error.message.partition(": ")
            yield Finding(ok=False, what=f"Backup: {what}.", mend=mend)


CHECKS: tuple[Callable[[Flask], Findings], ...] = (
    configuration,
    database,
    clock,
    folders,
    fonts,
    renderer,
    redis,
    mail,
    observation,
    backup_tools,
)


def _settings(app: Flask) -> Settings:
    settings: Settings = app.config["BILLHOOK"]
    return settings


def _role(connection: Connection) -> Findings:
    """Row-level security binds only a role that cannot bypass it; ours is lowered when a connection is opened."""
    login, working = connection.execute(sa.text("SELECT session_user, current_user")).one()
    mend = f"Run `flask db upgrade` as the owner of the database: it makes the role {RUNTIME_ROLE}."
    if can_bypass_row_security(connection):
        text = f"Row-level security: the role {working} bypasses it."
        yield Finding(ok=False, what=text, mend=mend)
    elif login == working:
        yield Finding(ok=True, what=f"Row-level security: binds the role {login}, which cannot bypass it.")
    else:
        text = f"Row-level security: {login} could bypass it, so requests work as {working}, which cannot."
        yield Finding(ok=True, what=text)
    tenants = [
        mapper.class_.__tablename__ for mapper in Base.registry.mappers if issubclass(mapper.class_, TenantModel)
    ]
    query = sa.text(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname = ANY(:tenants)"
        " AND relnamespace = current_schema()::regnamespace AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    for table in sorted(connection.execute(query, {"tenants": tenants}).scalars()):
        text = f"Row-level security is switched off on the table {table}."
        mend = f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        yield Finding(ok=False, what=text, mend=mend)


def _clocks(connection: Connection) -> Findings:
    before = datetime.now(UTC)
    theirs: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    ours = before + (datetime.now(UTC) - before) / 2
    apart = abs((theirs - ours).total_seconds())
    mend = "Set both clocks with NTP."
    text = f"Clock: the database's is {apart:.1f} s from ours."
    yield Finding(ok=apart <= MOST_CLOCK_SECONDS, what=text, mend=mend)


def _migrations(app: Flask) -> Findings:
    pending = pending_migrations(app)
    text = f"Migrations are pending for {', '.join(pending)}." if pending else "Migrations: none is pending."
    yield Finding(ok=not pending, what=text, mend="flask db upgrade")


def _folder(path: Path, variable: str) -> Findings:
    mend = f"Make it a folder that this user may write, or set {variable} to another."
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as trial:
            trial.write(b"billhook")
        free = shutil.disk_usage(path).free
    except OSError as error:
        yield Finding(ok=False, what=f"Folder: {path} cannot be written: {error.strerror}.", mend=mend)
        return
    text = f"Folder: {path} can be written; {free / 1024**3:,.1f} GiB are free."
    yield Finding(ok=free >= LEAST_FREE_BYTES, what=text, mend="Free some room on this disk: 0.5 GiB at least.")


def _ping(parts: SplitResult) -> str:
    """What a Redis says to PING, after AUTH where the address has a password. Raises OSError, ValueError."""
    words = [unquote(word) for word in (parts.username, parts.password) if word]
    lines = ([["AUTH", *words]] if parts.password else []) + [["PING"]]
    with _connect(parts) as link:
        stream = link.makefile("rwb")
        reply = ""
        for line in lines:
            encoded = [word.encode() for word in line]
            stream.write(b"*%d\r\n" % len(line) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
            stream.flush()
            reply = stream.readline(1000).decode("utf-8", "replace").strip()
            if reply.startswith("-"):
                break
        return reply


def _connect(parts: SplitResult) -> socket.socket:
    if parts.scheme == "unix":
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(REDIS_SECONDS)
        link.connect(parts.path)
        return link
    link = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or REDIS_PORT), REDIS_SECONDS)
    if parts.scheme == "rediss":
        return ssl.create_default_context().wrap_socket(link, server_hostname=parts.hostname)
    return link
