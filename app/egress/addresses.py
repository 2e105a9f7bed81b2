"""Which addresses may be called: global unicast that stands for itself, and what the operator allows on top.

The lists are IANA's special-purpose registries for IPv4 and IPv6, written out because Python's own `is_global` differs
between its versions, and because addresses that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo) are refused
as such: what they lead to is decided by somebody else.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; a metadata service too
        "127.0.0.0/8",
        "168.63.129.16/32",  # looks public, and is the host agent of a cloud
        "169.254.0.0/16",  # link-local: metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that IANA has ever given out as global unicast


class Refused(Exception):
    """An address that must not be called; the message says why, in one sentence."""


def within(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether an address lies in one of these networks, as it is written: ::ffff:10.0.0.1 is not in 10.0.0.0/8."""
    return any(address in network for network in allowed)


def judged(text: str, allowed: Iterable[Network] = ()) -> Address:
    """The address of a text, if it may be called. Raises Refused."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise Refused(f"{text} is no address.") from error
    if getattr(address, "scope_id", None):
        raise Refused(f"{text} is not a public address.")
    if within(address, allowed):
        return address
    if (isinstance(address, IPv6Address) and address not in _GLOBAL_V6) or within(address, _SPECIAL):
        raise Refused(f"{text} is not a public address.")
    return address


def literal(host: str) -> Any:
    """The address that a host is written as, or None for a name. Raises Refused for any other spelling of a number.

    Resolvers read 127.1, 0x7f000001, 017700000001 and 2130706433 as 127.0.0.1; a name never ends in a number.
    """
    if ":" in host:
        return _parsed(IPv6Address, host)
    last = host.rpartition(".")[2]
    if last.isdigit() or last.lower().startswith("0x"):
        return _parsed(IPv4Address, host)
    return None


def _parsed(kind: type[Address], host: str) -> Address:
    try:
        return kind(host)
    except ValueError as error:
        raise Refused("The address is not written in its plain form.") from error
