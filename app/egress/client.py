"""Egress: POST to a URL that a caller chose, from a process that can reach more than the caller may.

At every attempt the name is resolved once, every address it has is judged, and the connection goes to one that was
judged: between the check and the connect nobody is asked again. No redirect is followed, no proxy variable is read.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException, HTTPResponse

from app.egress.addresses import Network, Refused, judged, within
from app.egress.target import Target, read
from app.egress.wire import Connection, connect, remaining

EXTENSION = "billhook.egress"
CONNECT_SECONDS, TOTAL_SECONDS, BODY_SECONDS = 5.0, 15.0, 5.0
MOST_BYTES = 64 * 1024
IDLE_SECONDS, MOST_IDLE, MOST_IDLE_EACH = 15.0, 256, 4

Resolve = Callable[[str, int], Iterable[str]]
Key = tuple[str, str, int, str]


class Failed(Exception):
    """The call got no status; the message says how far it came."""


@dataclass(frozen=True)
class Answer:
    """A status, the headers (names in lower case) and the first bytes of the body as they came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def system_resolve(host: str, port: int) -> list[str]:
    """Every address that the system's resolver has for a name."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Egress:
    """Makes outgoing calls; one for the process, used by many threads."""

    def __init__(
        self, allowed: tuple[Network, ...] = (), *, resolve: Resolve = system_resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self.allowed = allowed
        self._resolve, self._given_tls = resolve, tls
        self._idle: dict[Key, list[Connection]] = {}
        self._lock = threading.Lock()

    def check(self, url: str, *, plain: bool = False) -> Target:
        """The target of a URL as far as it can be judged without asking anybody. Raises Refused.

        `plain`: http is fine everywhere; else only inside the networks that the operator allows.
        """
        target = read(url)
        if target.address is not None:
            judged(str(target.address), self.allowed)
        if not (target.secure or plain):
            inside = target.address is None or within(target.address, self.allowed)
            if not (self.allowed and inside):
                raise Refused("Must begin with https://.")
        return target

    def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain: bool = False) -> Answer:
        """Send a POST. Raises Refused when it must not be sent, Failed when no status came back."""
        start = time.monotonic()
        first, deadline = start + CONNECT_SECONDS, start + TOTAL_SECONDS
        target = self.check(url, plain=plain)
        try:
            addresses = self._addresses(target, first, plain=plain)
            return self._post(target, addresses, dict(headers), body, first, deadline)
        except TimeoutError as error:
            raise Failed(f"No answer within {TOTAL_SECONDS:g} seconds, {CONNECT_SECONDS:g} to connect.") from error
        except (OSError, HTTPException, ValueError) as error:
            raise Failed(_sentence(error)) from error

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            kept, self._idle = self._idle, {}
        for connections in kept.values():
            for connection in connections:
                connection.close()

    def _post(
        self, target: Target, addresses: list[str], headers: dict[str, str], body: bytes, first: float, deadline: float
    ) -> Answer:
        kept = self._take(target, addresses)
        if kept:
            key, connection = kept
            try:
                return self._exchange(key, connection, target, headers, body, deadline)
            except (ConnectionError, HTTPException):
                # It was closed while our request was on its way; a fresh one tells whether the receiver is there.
                if connection.answered:
                    raise
        sock, address = connect(addresses, target, self._tls if target.secure else None, first, deadline)
        key = (target.scheme, target.host, target.port, address)
        return self._exchange(key, Connection(sock), target, headers, body, deadline)

    def _exchange(
        self, key: Key, connection: Connection, target: Target, headers: dict[str, str], body: bytes, deadline: float
    ) -> Answer:
        whole = False
        try:
            response = connection.request(target, headers, body, deadline, MOST_BYTES)
            found, whole = connection.read(response, min(deadline, time.monotonic() + BODY_SECONDS))
            return Answer(response.status, _headers(response), found)
        finally:
            if whole:
                self._keep(key, connection)
            else:
                connection.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    def _addresses(self, target: Target, deadline: float, *, plain: bool) -> list[str]:
        """Every address of the host, each of them judged. Raises Refused if one may not be called."""
        if target.address is not None:
            return [str(target.address)]
        addresses = [judged(text, self.allowed) for text in dict.fromkeys(self._asked(target, deadline))]
        if not addresses:
            raise OSError("the name has no address")
        if not (target.secure or plain) and not all(within(each, self.allowed) for each in addresses):
            raise Refused("Must begin with https://.")
        return [str(each) for each in addresses]

    def _asked(self, target: Target, deadline: float) -> list[str]:
        """The resolver's answer. It knows no timeout, so it is asked by a thread that may be left behind."""
        answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(list(self._resolve(target.host, target.port)))
            except (OSError, UnicodeError) as error:
                answers.put(OSError(f"the name cannot be resolved ({error})"))

        threading.Thread(target=ask, daemon=True, name="resolve").start()
        try:
            found = answers.get(timeout=remaining(deadline))
        except queue.Empty:
            raise TimeoutError("the name was not resolved in time") from None
        if isinstance(found, OSError):
            raise found
        return found

    def _take(self, target: Target, addresses: list[str]) -> tuple[Key, Connection] | None:
        """A kept connection to one of the addresses that the name has now."""
        oldest = time.monotonic() - IDLE_SECONDS
        for address in addresses:
            key = (target.scheme, target.host, target.port, address)
            while True:
                with self._lock:
                    kept = self._idle.get(key)
                    connection = kept.pop() if kept else None
                    if not kept:
                        self._idle.pop(key, None)
                if connection is None:
                    break
                if connection.idle_since > oldest and connection.usable():
                    return key, connection
                connection.close()
        return None

    def _keep(self, key: Key, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        dropped: list[Connection] = []
        with self._lock:
            if sum(map(len, self._idle.values())) >= MOST_IDLE:
                dropped = [each for kept in self._idle.values() for each in kept]
                self._idle = {}
            kept = self._idle.setdefault(key, [])
            kept.append(connection)
            if len(kept) > MOST_IDLE_EACH:
                dropped.append(kept.pop(0))
        for each in dropped:
            each.close()


def _headers(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _sentence(error: Exception) -> str:
    """What went wrong, for the one who looks at the delivery: no address of this machine, no traceback."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return "TLS failed."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    text = str(error.args[-1] if isinstance(error, OSError) and error.args else error)
    return f"The call failed: {text or type(error).__name__}."[:300]
