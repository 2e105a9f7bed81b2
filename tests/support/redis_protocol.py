"""As much of the Redis protocol as it takes to ask a server whether it is there and what it is."""

import socket
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from tests.support.processes import CannotUseError

SECONDS = 3


def redis_facts(url: str) -> dict[str, str]:
    """What INFO says of the server, if it answers PING."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "unix"}:
        raise CannotUseError("only redis:// and unix:// are understood")
    words = ["AUTH", *(unquote(word) for word in (parts.username, parts.password) if word)]
    commands = ([words] if parts.password else []) + [["PING"], ["INFO", "server"], ["QUIT"]]
    try:
        with socket.socket(socket.AF_UNIX if parts.scheme == "unix" else socket.AF_INET) as link:
            link.settimeout(SECONDS)
            link.connect(parts.path if parts.scheme == "unix" else (parts.hostname or "127.0.0.1", parts.port or 6379))
            link.sendall(b"".join(map(_encoded, commands)))
            answer = b"".join(iter(lambda: link.recv(65536), b"")).decode("utf-8", "replace")
    except OSError as error:
        raise CannotUseError(f"no Redis at {parts.path or parts.netloc.rpartition('@')[2]}: {error}") from error
    if "+PONG\r\n" not in answer:
        raise CannotUseError(f"what answers is no usable Redis: {answer.partition(chr(13))[0] or 'nothing'}")
    return dict(line.split(":", 1) for line in answer.splitlines() if ":" in line)


def _encoded(words: Sequence[str]) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
