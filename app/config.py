"""Settings: BILLHOOK_* variables over instance/billhook.toml over the defaults below, validated once at boot.

A bad value never reaches the running program: `load` collects every problem, one sentence each, and stops the boot.
The fields of `Settings` are the whole list of what can be configured; the README's table is checked against it.
"""

import contextlib
import difflib
import os
import secrets
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import make_url

PREFIX = "BILLHOOK_"
_LEAST_TOKEN = len("token:") + 16
PROJECT = Path(__file__).resolve().parent.parent


class BootError(SystemExit):
    """The process cannot start; the message is one sentence per problem and is printed instead of a traceback."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(f"billhook: {problem}" for problem in problems))
        self.problems = problems


def _setting(default: object, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator may set. Each field is the variable BILLHOOK_<NAME> and the key <name> of billhook.toml."""

    instance_path: Path = _setting(PROJECT / "instance", "folder of the database, files and secret; variable only")
    database_url: str = _setting("", "sqlite:///FILE or postgresql://…; default: billhook.db in the instance folder")
    redis_url: str = _setting("", "redis://…; wakes `flask worker`, which then does the jobs; none is needed")
    secret_key: str = _setting("", "signs file links and cursors; default: made once and kept in the instance folder")
    base_url: str = _setting("", "public address written into links, e.g. https://billing.example.com")
    files_path: Path = _setting(Path(), "folder of generated documents; default: files in the instance folder")
    fonts_path: Path | None = _setting(None, "folder of more .ttf fonts for documents (Chinese, Japanese, Korean…)")
    file_link_seconds: int = _setting(3600, "how long a signed file link works, 60 to 604800")
    max_body_bytes: int = _setting(2 * 1024 * 1024, "largest request body, 1024 to 104857600")
    pdf_seconds: int = _setting(20, "longest time one PDF may take, 1 to 120")
    worker: str = _setting("auto", "who does jobs: auto (the server without Redis, else `flask worker`), thread, none")
    worker_threads: int = _setting(4, "jobs that a process runs at once, 1 to 64")
    worker_poll_seconds: int = _setting(1, "how often idle workers look for work that nobody told them of, 1 to 60")
    database_pool: int = _setting(20, "database connections a process may hold, 1 to 200")
    smtp_url: str = _setting("", "smtp+starttls:// or smtps://user:password@host:port, or smtp://; default: .eml files")
    smtp_ca_file: Path | None = _setting(None, "certificate authorities of the SMTP server, PEM; default: the system's")
    mail_from: str = _setting(
        "", "sender of all mail, e.g. billing@example.com; default: the SMTP login, else billhook@ this host"
    )
    mail_link_days: int = _setting(30, "how long the link to a document in an e-mail works, 1 to 366")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR")
    event_days: int = _setting(365, "days after which an event keeps no payload, 1 to 36500; 0: never")
    log_format: str = _setting("", "json or text; default: text at a terminal, json everywhere else")
    metrics: str = _setting("off", "who may read /metrics: off, loopback, or token:SECRET (16 characters or more)")
    drain_seconds: int = _setting(1, "after SIGTERM, how long /health/ready says 503 before the port closes, 0 to 15")
    pg_bin: Path | None = _setting(None, "folder of pg_dump, pg_restore and psql; default: where PATH finds them")
    default_tier: str = _setting("enterprise", "tier of a new organisation")
    egress_allow: tuple[IPv4Network | IPv6Network, ...] = _setting(
        (), "private networks that webhooks may call all the same, e.g. 10.0.0.0/8, fd00::/8"
    )
    webhook_http: str = _setting("refuse", "http: URLs of webhooks outside those networks: refuse or allow")
    webhook_retry_delays: tuple[int, ...] = _setting(
        (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400), "seconds before each try of a webhook"
    )
    tiers: tuple[Mapping[str, Any], ...] = _setting((), "[[tiers]] tables of billhook.toml, lowest first; file only")


def load(environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read and validate the settings.

    `overrides` (tests, embedding programs) win over the environment, which wins over the file.
    Raises BootError naming every problem found.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    given = dict(overrides or {})
    instance = Path(given.get("instance_path") or environ.get(f"{PREFIX}INSTANCE_PATH") or PROJECT / "instance")
    values: dict[str, Any] = {"instance_path": instance.absolute()}
    values |= _from_file(instance / "billhook.toml", problems)
    values |= _from_environment(environ)
    values |= {name: value for name, value in given.items() if name != "instance_path"}
    cleaned = {name: _clean(name, value, problems) for name, value in values.items()}
    if problems:
        raise BootError(problems)
    return _with_defaults(Settings(**cleaned))


def log_format(settings: Settings) -> str:
    """The form of the log's lines: json or text."""
    return settings.log_format or ("text" if sys.stderr is not None and sys.stderr.isatty() else "json")


def secrets_of(settings: Settings) -> set[str]:
    """What must not be told: the secret, the token, and the passwords in addresses, whatever setting they stand in."""
    found = {settings.secret_key, settings.metrics.partition(":")[2]}
    for each in fields(Settings):
        value = getattr(settings, each.name)
        if isinstance(value, str) and "://" in value:
            found.add(urlsplit(value).password or "")
    return found - {""}


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Sentences on BILLHOOK_* variables that are no setting, for the log and the doctor: most are typing errors."""
    known = {f.name.upper() for f in fields(Settings)} - {"TIERS"}
    found = []
    for name in sorted(environ.keys() - {PREFIX + each for each in known}):
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_"):
            near = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
            found.append(f"{name} is not a setting{f'; did you mean {PREFIX}{near[0]}?' if near else '.'}")
    return found


def _from_file(path: Path, problems: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{path} cannot be read as TOML: {error}.")
        return {}
    known = {f.name for f in fields(Settings)} - {"instance_path"}
    for name in sorted(content.keys() - known):
        near = difflib.get_close_matches(name, known, n=1)
        problems.append(f"{path}: '{name}' is not a setting{f'; did you mean {near[0]}?' if near else '.'}")
    return {name: value for name, value in content.items() if name in known}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = [f.name for f in fields(Settings) if f.name not in {"instance_path", "tiers"}]
    found = {name: environ.get(PREFIX + name.upper(), "") for name in names}
    return {name: value for name, value in found.items() if value != ""}


_RANGES = {
    "file_link_seconds": (60, 604_800),
    "max_body_bytes": (1024, 104_857_600),
    "pdf_seconds": (1, 120),
    "worker_threads": (1, 64),
    "worker_poll_seconds": (1, 60),
    "database_pool": (1, 200),
    "event_days": (0, 36_500),
    "mail_link_days": (1, 366),
    "drain_seconds": (0, 15),
}
_PATHS = {"instance_path", "files_path", "fonts_path", "smtp_ca_file", "pg_bin"}


def _clean(name: str, value: Any, problems: list[str]) -> Any:
    try:
        if name in _RANGES:
            return _whole_number(value, *_RANGES[name])
        if name in _PATHS and isinstance(value, str | Path):
            return Path(value).absolute()
        if name == "tiers":
            return _tables(value)
        if not isinstance(value, str):
            raise ValueError("must be text")  # noqa: TRY301, TRY004 - every broken rule is a sentence, collected below
        return _TEXT_RULES.get(name, str)(value)
    except ValueError as error:
        problems.append(f"{PREFIX}{name.upper()} {error}.")
        return None


def _tables(value: object) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(table, Mapping) for table in value):
        raise ValueError("must be a list of [[tiers]] tables")
    return tuple(value)


def _whole_number(value: object, low: int, high: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _database_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if separator and scheme in {"postgresql", "postgres", "postgresql+psycopg"}:
        return _parsed(f"postgresql+psycopg://{rest}")
    if separator and scheme == "sqlite":
        if rest.strip("/") in {"", ":memory:"}:
            raise ValueError("must name a file for SQLite, e.g. sqlite:////var/lib/billhook/billhook.db")
        return text
    raise ValueError("must start with sqlite:/// or postgresql://")


def _parsed(url: str) -> str:
    try:
        make_url(url)
    except ValueError as error:
        raise ValueError("must be written as postgresql://user:password@host:5432/name") from error
    return url


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an http(s) address such as https://billing.example.com")
    return text.rstrip("/")


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return text


def _smtp_url(text: str) -> str:
    form = "must be written as smtp+starttls://user:password@host:587, or with smtps:// or smtp://"
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # the port is no number, the host no address
        raise ValueError(form) from error
    if parts.scheme not in {"smtp", "smtp+starttls", "smtps"} or not named:
        raise ValueError(form)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end with the host and its port; special characters of a password are written as %40")
    return text


def _address(text: str) -> str:
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("must be an e-mail address such as billing@example.com") from error
    if found.ascii_email is None:
        raise ValueError("must be an address that every mail server takes: ASCII before the @")
    return str(found.ascii_email)


def _secret(text: str) -> str:
    if len(text) < 32:  # noqa: PLR2004 - 32 characters, the length of a 128-bit key in hexadecimal
        raise ValueError("must have at least 32 characters")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError(f"must be DEBUG, INFO, WARNING or ERROR, not {text!r}")
    return text.upper()


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    found = []
    for each in text.replace(",", " ").split():
        try:
            # A scope (%eth0) would be kept, and then match nothing.
            found.append(ip_network(each if "%" not in each else ""))
        except ValueError as error:
            raise ValueError(f"must be networks such as 10.0.0.0/8, fd00::/8, and {each!r} is none") from error
    return tuple(found)


def _refuse_or_allow(text: str) -> str:
    if text not in {"refuse", "allow"}:
        raise ValueError(f"must be refuse or allow, not {text!r}")
    return text


def _delays(text: str) -> tuple[int, ...]:
    found = text.replace(",", " ").split()
    if not 1 <= len(found) <= _MOST_TRIES or not all(_is_delay(each) for each in found):
        raise ValueError(f"must be 1 to {_MOST_TRIES} whole numbers of seconds up to a week, such as 0, 5, 300")
    return tuple(map(int, found))


def _is_delay(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= 604_800  # noqa: PLR2004 - a week


def _worker(text: str) -> str:
    if text not in {"auto", "thread", "none"}:
        raise ValueError(f"must be auto, thread or none, not {text!r}")
    return text


def _log_format(text: str) -> str:
    if text.lower() not in {"json", "text"}:
        raise ValueError(f"must be json or text, not {text!r}")
    return text.lower()


def _metrics(text: str) -> str:
    if text in {"off", "loopback"} or (text.startswith("token:") and len(text) >= _LEAST_TOKEN and text.isascii()):
        return text
    raise ValueError("must be off, loopback, or token: and at least 16 characters of ASCII")


_MOST_TRIES = 30
_TEXT_RULES: Mapping[str, Callable[[str], Any]] = {
    "database_url": _database_url,
    "base_url": _http_url,
    "redis_url": _redis_url,
    "secret_key": _secret,
    "log_level": _log_level,
    "smtp_url": _smtp_url,
    "mail_from": _address,
    "egress_allow": _networks,
    "webhook_http": _refuse_or_allow,
    "webhook_retry_delays": _delays,
    "worker": _worker,
    "log_format": _log_format,
    "metrics": _metrics,
}


def _with_defaults(settings: Settings) -> Settings:
    """Fill what depends on the instance folder, and make the secret on the first start."""
    values = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    try:
        settings.instance_path.mkdir(parents=True, exist_ok=True)
        values["secret_key"] = settings.secret_key or _secret(_kept_secret(settings.instance_path / "secret_key"))
    except OSError as error:
        raise BootError(
            [f"{PREFIX}INSTANCE_PATH {settings.instance_path} cannot be written: {error.strerror}."]
        ) from error
    except ValueError as error:
        problem = f"{settings.instance_path / 'secret_key'} {error}; remove it, and a new one is made."
        raise BootError([problem]) from error
    values["database_url"] = settings.database_url or f"sqlite:///{settings.instance_path / 'billhook.db'}"
    values["files_path"] = settings.files_path if settings.files_path != Path() else settings.instance_path / "files"
    return Settings(**values)


def _kept_secret(path: Path) -> str:
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        # A hard link appears whole or not at all: two processes that start at once both read the first one's secret.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
