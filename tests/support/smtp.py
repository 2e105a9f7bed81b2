"""A real mail server for tests, in a thread of its own: takes, refuses, or stays silent, and shows the bytes it got."""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Received:
    """A letter as it arrived: the envelope and the raw bytes."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def header(self) -> bytes:
        return self.raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]

    @property
    def parsed(self) -> EmailMessage:
        """As a mail program reads it, without Python's own decoding of encoded words into structure."""
        found: Any = message_from_bytes(self.raw, policy=policy.SMTP)
        return found


@dataclass
class MailServer:
    """What a test says to the server, and what the server says of what came."""

    host: str = "127.0.0.1"
    port: int = 0
    rcpt: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)  # the next answers to a letter; then 250
    received: list[Received] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    asked: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked += 1
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else "250 Taken"
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.received.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), content))
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"p@ss:word", handled=False)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def mail_server(port: int = 0, **options: Any) -> Iterator[MailServer]:
    """A server on a port; `options` are those of aiosmtpd's Controller."""
    told = MailServer(port=port or free_port())
    if options.pop("login", False):
        options |= {"authenticator": told.authenticate, "auth_required": True}
    controller = Controller(told, hostname=told.host, port=told.port, **options)
    controller.start()
    try:
        yield told
    finally:
        controller.stop()


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate of 127.0.0.1: its file, and a server's context with it."""

    path: Path
    context: ssl.SSLContext


def certificate(folder: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "server.pem", folder / "server.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return Certificate(public, context)
