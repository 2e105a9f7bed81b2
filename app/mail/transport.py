"""The way out: a mail server over SMTP, or files where none is configured.

A server's answer is final for a recipient when it is 2xx (taken) or 5xx (refused); anything else may be tried again.
Between a server's "250" and our commit stands a moment that no protocol closes: whoever is killed there sends the
letter again, with the same Message-ID, by which mail clients and servers know it.
"""

import contextlib
import os
import secrets
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from email_validator import validate_email

from app.config import Settings
from app.mail.headers import ascii_domain, needs_utf8

STEP_SECONDS = 30.0  # for one answer of the server
LETTER_SECONDS = 90.0  # for one letter altogether, however slowly the answers drip
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LONGEST_WORDS = 500
_OK = 2
_FOREVER = 5


class NotNow(Exception):
    """Nothing was accepted, and trying again may help. The message is what the server or the network said."""


class Never(Exception):
    """The server will not take this letter, whoever it is for. The message is what it said."""


@dataclass(frozen=True)
class Envelope:
    """What the mail server is told: from whom, for whom, and the letter."""

    sender: str
    recipients: Sequence[str]
    letter: bytes


@dataclass(frozen=True)
class Delivery:
    """What was said for each recipient: taken, refused for good, or asked to come again."""

    accepted: Sequence[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    deferred: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """Where the mail server is and how to speak to it."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    ca_file: Path | None

    @property
    def place(self) -> str:
        """Its address without the password, for people."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def in_the_clear(self) -> bool:
        """Whether the password would cross a network unencrypted."""
        return self.scheme == "smtp" and bool(self.user) and self.host not in {"localhost", "127.0.0.1", "::1"}


def server_of(settings: Settings) -> Server | None:
    """The configured mail server; None where mail is written to files."""
    if not settings.smtp_url:
        return None
    parts = urlsplit(settings.smtp_url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or _PORTS[parts.scheme]
    return Server(parts.scheme, parts.hostname or "", port, user, password, settings.smtp_ca_file)


def sender_of(settings: Settings) -> str:
    """The address that mail comes from: as configured, else the login at the mail server, else one of this host."""
    server = server_of(settings)
    return settings.mail_from or (server and _address(server.user)) or _own_address(settings)


def deliver(server: Server, envelope: Envelope) -> Delivery:
    """Hand a letter to the mail server. Raises NotNow, Never."""
    with opened(server) as link:
        options = _options(link, envelope)
        _agreed(link.mail(ascii_domain(envelope.sender), options))
        answers = {each: link.rcpt(ascii_domain(each)) for each in envelope.recipients}
        refused = {each: _words(answer) for each, answer in answers.items() if _class(answer) == _FOREVER}
        accepted = [each for each, answer in answers.items() if _class(answer) == _OK]
        deferred = {each: _words(answers[each]) for each in answers if each not in refused and each not in accepted}
        if accepted:
            _agreed(_data(link, envelope.letter))
        return Delivery(accepted, refused, deferred)


def write_file(folder: Path, name: str, letter: bytes) -> None:
    """Put a letter into its file, whole or not at all; the same message has the same file. Raises NotNow."""
    draft = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(letter)
        draft.replace(folder / name)
    except OSError as error:
        raise NotNow(f"{folder} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


class _Bounded(smtplib.SMTP):
    """A connection that is cut when a letter takes too long: a server that drips must not hold a worker."""

    watch: threading.Timer | None = None

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """See smtplib; from here on the time runs."""
        self.watch = threading.Timer(LETTER_SECONDS, self._cut)
        self.watch.daemon = True
        self.watch.start()
        return super().connect(host, port, source_address)

    def close(self) -> None:
        """See smtplib."""
        if self.watch:
            self.watch.cancel()
        super().close()

    def _cut(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # The plain socket's own: the encrypted one's would change under the thread that reads from it.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


@contextmanager
def opened(server: Server) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and logged in as the address says; closed in the end. Raises NotNow."""
    try:
        with contextlib.closing(_connected(server)) as link:
            link.ehlo_or_helo_if_needed()
            if server.scheme == "smtp+starttls":
                link.starttls(context=_trust(server))
                link.ehlo()
            if server.user:
                _log_in(link, server)
            yield link
            with contextlib.suppress(smtplib.SMTPException, OSError):
                link.quit()
    except ssl.SSLCertVerificationError as error:
        raise NotNow(f"The certificate of {server.host} is not trusted: {error.verify_message}.") from error
    except smtplib.SMTPResponseException as error:
        raise NotNow(_words((error.smtp_code, error.smtp_error))) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotNow(f"{server.place}: {_reason(error)}") from error


def _own_address(settings: Settings) -> str:
    host = urlsplit(settings.base_url).hostname or "localhost"
    return _address(f"billhook@{host}") or "billhook@localhost"  # the address may be one of numbers


def _address(text: str) -> str:
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True).ascii_email
    except ValueError:
        return ""
    return found or ""


def _connected(server: Server) -> smtplib.SMTP:
    if server.scheme == "smtps":
        return _BoundedTls(server.host, server.port, timeout=STEP_SECONDS, context=_trust(server))
    return _Bounded(server.host, server.port, timeout=STEP_SECONDS)


def _trust(server: Server) -> ssl.SSLContext:
    """Certificates are always verified, against the given authorities or the system's."""
    try:
        return ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
    except OSError as error:  # not there, or no certificates
        raise NotNow(f"{server.ca_file} cannot be read as certificates: {_reason(error)}.") from error


def _log_in(link: smtplib.SMTP, server: Server) -> None:
    if not link.has_extn("auth"):
        hint = "; use smtp+starttls:// or smtps://" if server.scheme == "smtp" else ""
        raise NotNow(f"{server.place} offers no login{hint}.")
    link.login(server.user, server.password)


def _options(link: smtplib.SMTP, envelope: Envelope) -> list[str]:
    """What MAIL FROM says of the letter. Raises Never when an address needs what the server cannot do."""
    options = [f"SIZE={len(envelope.letter)}"] if link.has_extn("size") else []
    addresses = (envelope.sender, *envelope.recipients)
    if envelope.letter.partition(b"\r\n\r\n")[0].isascii() and not any(map(needs_utf8, addresses)):
        return options
    if not link.has_extn("smtputf8"):
        raise Never("An address has letters beyond ASCII before its @, and the mail server does not speak SMTPUTF8.")
    return [*options, "SMTPUTF8", "BODY=8BITMIME"]


def _data(link: smtplib.SMTP, letter: bytes) -> tuple[int, bytes]:
    try:
        return link.data(letter)
    except smtplib.SMTPDataError as error:  # the server does not want to begin
        return error.smtp_code, _bytes(error.smtp_error)


def _agreed(answer: tuple[int, bytes]) -> None:
    """Raise Never or NotNow unless the server agreed."""
    if _class(answer) == _FOREVER:
        raise Never(_words(answer))
    if _class(answer) != _OK:
        raise NotNow(_words(answer))


def _class(answer: tuple[int, object]) -> int:
    return answer[0] // 100


def _words(answer: tuple[int, object]) -> str:
    """A server's answer as one line of bounded text."""
    text = " ".join(_bytes(answer[1]).decode("utf-8", "replace").split())
    clean = "".join(character if character.isprintable() else " " for character in text)
    return f"{answer[0]} {clean}"[:_LONGEST_WORDS]


def _bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return " ".join(text.split())[:_LONGEST_WORDS]
