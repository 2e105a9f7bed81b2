"""Receivers on loopback: real sockets that answer with raw bytes, hang, drip, or only count who knocks."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    at: float


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Receiver:
    """A server on loopback. `script` gives the answer to each request: bytes, or a function of the socket."""

    script: Callable[[Seen], Any] = lambda _seen: OK
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    seen: list[Seen] = field(default_factory=list)
    knocks: int = 0
    sni: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, 0), family=family, backlog=128)
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.knocks += 1
                self.open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while line := reader.readline().decode().strip():
                headers = {}
                while text := reader.readline().decode().strip():
                    name, _, value = text.partition(":")
                    headers[name.lower()] = value.strip()
                body = reader.read(int(headers.get("content-length", 0)))
                request = Seen(line, headers, body, time.monotonic())
                self.seen.append(request)
                said = self.script(request)
                if not callable(said):
                    connection.sendall(said)
                else:
                    said(connection)
                    break
            connection.close()

    def close(self) -> None:
        """End it, and every connection it has."""
        # shutdown wakes the thread that waits in accept; close alone leaves it there.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def receiver(script: Callable[[Seen], Any] = lambda _seen: OK, **options: Any) -> Iterator[Receiver]:
    """A receiver for the length of a block."""
    made = Receiver(script, **options)
    try:
        yield made
    finally:
        made.close()


def hang(connection: socket.socket) -> None:
    """Say nothing until the other side goes."""
    connection.settimeout(60)
    connection.recv(1)


def drip(head: bytes, pause: float = 0.05) -> Callable[[socket.socket], None]:
    """Send `head`, then a byte now and then, for ever."""

    def run(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"a")
            time.sleep(pause)

    return run


def flood(head: bytes) -> Callable[[socket.socket], None]:
    """Send `head`, then as much as the other side takes; `sent` counts it."""

    def run(connection: socket.socket) -> None:
        connection.sendall(head)
        piece = b"\0" * 65_536
        while True:
            run.sent += connection.send(piece)  # type: ignore[attr-defined]

    run.sent = 0  # type: ignore[attr-defined]
    return run
