"""One connection: HTTP/1.1 over a socket whose every read is counted and held to a deadline.

http.client parses; what it parses from is ours. So a receiver that drips, never ends or lies about its length costs at
most the deadline and at most the bytes, also within the head.
"""

import io
import select
import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from app.egress.target import Target


class TooLargeError(OSError):
    """More bytes than the bound."""


class Meter(io.RawIOBase):
    """Reads a socket until the deadline or the bound, whichever comes first."""

    def __init__(self, sock: socket.socket, deadline: float, most: int) -> None:
        super().__init__()
        self.sock, self.deadline, self.left = sock, deadline, most

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Raise TooLargeError beyond the bound, TimeoutError beyond the deadline."""
        if self.left <= 0:
            raise TooLargeError("the answer is too large")
        self.sock.settimeout(remaining(self.deadline))
        count = self.sock.recv_into(memoryview(buffer)[: self.left])
        self.left -= count
        return count


class _Metered:
    """The part of a socket that http.client asks for."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.meter = sock, Meter(sock, 0.0, 0)

    def sendall(self, data: bytes) -> None:
        """Send within the deadline: the timeout of sendall is one for the whole call."""
        self.sock.settimeout(remaining(self.meter.deadline))
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader of the metered socket."""
        return io.BufferedReader(self.meter, 4096)

    def close(self) -> None:
        """Called before the body of a last answer is read: what ends the socket is Connection.close."""


class Connection:
    """An open connection to a checked address."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._metered = sock, _Metered(sock)
        self._http = HTTPConnection("unused")
        self._http.auto_open = 0  # it must never connect by itself
        self._http.sock = self._metered
        self.idle_since = 0.0
        self.answered = False  # whether the last request got so far as a status

    def request(self, target: Target, headers: dict[str, str], body: bytes, deadline: float, most: int) -> HTTPResponse:
        """Send a POST and read the head of the answer. Raises OSError or HTTPException."""
        self.answered = False
        self._metered.meter = Meter(self._sock, deadline, most)
        self._http.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": target.host_header, "Accept-Encoding": "identity", "Content-Length": str(len(body))} | headers
        for name, value in sent.items():
            self._http.putheader(name, value)
        self._http.endheaders(body)
        response = self._http.getresponse()
        self.answered = True
        return response

    def read(self, response: HTTPResponse, deadline: float) -> tuple[bytes, bool]:
        """What comes of the body until the deadline or the bound, and whether that was all of it.

        The body is never decoded. A body that breaks off is no failure: the status had come before.
        """
        self._metered.meter.deadline = deadline
        pieces: list[bytes] = []
        try:
            while piece := response.read1(16_384):
                pieces.append(piece)
        except (OSError, HTTPException, ValueError):
            return b"".join(pieces), False
        whole = response.isclosed() or response.length == 0
        response.close()
        return b"".join(pieces), whole and not response.will_close

    def usable(self) -> bool:
        """Whether nothing came while it was idle: neither an end nor bytes that nobody asked for."""
        try:
            return not select.select([self._sock], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Close it."""
        self._sock.close()


def remaining(deadline: float) -> float:
    """Seconds left. Raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def connect(addresses: list[str], target: Target, tls: ssl.SSLContext | None, first: float, deadline: float) -> Any:
    """Connect to the first of the checked addresses that answers before `first`, then speak TLS with the host's name.

    Returns the socket and the address. Raises OSError.
    """
    failure: OSError = OSError("no address")
    for address in addresses:
        try:
            sock = socket.create_connection((address, target.port), timeout=remaining(first))
        except OSError as error:
            failure = error
            continue
        if tls is None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock, address
        try:
            sock.settimeout(remaining(deadline))
            return tls.wrap_socket(sock, server_hostname=target.host), address
        except OSError:
            sock.close()
            raise
    raise failure
