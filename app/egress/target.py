"""Reading a URL: one strict form, so that what was checked and what is called cannot differ."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.egress.addresses import Address, Refused, literal

LONGEST_URL, LONGEST_HOST = 2000, 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_URL = re.compile(r"[!-~]+", re.ASCII)  # printable, no space
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """Where a call goes. `address` is set when the host is written as one."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def secure(self) -> bool:
        """Whether it is called over TLS."""
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        """The Host header: the name as it was given, with the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read(url: str) -> Target:
    """The target of a URL. Raises Refused for anything but a plain http(s) address without credentials."""
    if len(url) > LONGEST_URL or not _URL.fullmatch(url) or "\\" in url:
        raise Refused("Must be a plain URL: no spaces, no backslashes, other letters percent-encoded.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("Must be a URL such as https://example.com/hook.") from error
    if parts.scheme not in _PORTS or not url[len(parts.scheme) :].startswith("://"):
        raise Refused("Must begin with https:// or http://.")
    if "@" in parts.netloc:
        raise Refused("Must not hold a user name or password.")
    if "#" in url:
        raise Refused("Must not have a fragment.")
    host = _host(parts.netloc, parts.hostname or "")
    if port == 0 or parts.netloc.endswith(":"):
        raise Refused("Must name a port from 1 to 65535, or none.")
    path = f"{parts.path or '/'}{'?' + parts.query if '?' in url else ''}"
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path, literal(host))


def _host(netloc: str, host: str) -> str:
    host = host.lower()
    if netloc.startswith("["):
        # The brackets hold an address and nothing else; a scope (%eth0) means an interface of this machine.
        if ":" not in host or "%" in host or not re.fullmatch(r"\[[0-9A-Fa-f:.]+\](:[0-9]+)?", netloc):
            raise Refused("The address is not written in its plain form.")
        return host
    if len(host) > LONGEST_HOST or not _NAME.fullmatch(host):
        raise Refused("Must name a host in ASCII, such as example.com or xn--bcher-kva.example.")
    return host
