"""Headers of a letter, written by hand: nothing that a user typed can end a header or begin another one.

Python's own header registry reads a value before it writes it and decodes encoded words on the way: in 3.11.7
`=?utf-8?q?x=0d=0aBcc:_a=40b?=` as a subject comes out as a real Bcc header. So a value never passes through it. Text is
either plain ASCII without `=?`, or an encoded word that holds it letter by letter.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

import idna

from app.documents.text import one_line

_PLAIN = re.compile(r"[\x20-\x7e]*")
_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f<>()\[\],;:\\\"]+@[A-Za-z0-9.-]+")
_LINE = 76  # RFC 5322 asks for 78 at most, RFC 2047 for 76 where there are encoded words
_EOL = "\r\n"


class UnsafeHeader(ValueError):
    """A value that would break out of its header. A bug: every user text comes through `text_header` or `mailboxes`."""


def text_header(name: str, text: str) -> str:
    """A header of free text, as "Name: value" and line breaks."""
    return _finished(name, _encoded(text, len(name) + 2))


def mailboxes(name: str, addresses: Sequence[str], phrase: str = "") -> str:
    """A header of addresses; `phrase` is the display name of the first."""
    shown = [ascii_domain(address) for address in addresses]
    if not all(map(_ADDRESS.fullmatch, shown)):
        raise UnsafeHeader(f"{name} would hold what is no address")
    if phrase := one_line(phrase):
        named = _phrase(phrase, len(name) + 2)
        room = _LINE - len(name) - len(named.rpartition(_EOL)[2])
        shown[0] = f"{named}{' ' if len(shown[0]) < room - 5 else f'{_EOL} '}<{shown[0]}>"
    return _finished(name, f",{_EOL} ".join(shown))


def raw_header(name: str, value: str) -> str:
    """A header of our own making, such as a date or an id."""
    return _finished(name, value)


def date_header(moment: datetime) -> str:
    """The Date header."""
    return raw_header("Date", format_datetime(moment.replace(microsecond=0)))


def ascii_domain(address: str) -> str:
    """An address with its domain in the ASCII form of IDNA; the part before the @ stays as it is."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"


def needs_utf8(address: str) -> bool:
    """Whether an address can only travel over a server that speaks SMTPUTF8 (RFC 6531)."""
    return not ascii_domain(address).isascii()


def _encoded(text: str, used: int) -> str:
    clean = one_line(text)
    if _PLAIN.fullmatch(clean) and "=?" not in clean and used + len(clean) <= _LINE:
        return clean
    return Header(clean, charset="utf-8", maxlinelen=_LINE, header_name="x" * max(0, used - 2)).encode(linesep=_EOL)


def _phrase(text: str, used: int) -> str:
    """A display name: a quoted string where that is possible, else encoded words."""
    if _PLAIN.fullmatch(text) and "=?" not in text and used + len(text) <= _LINE - 2:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return Header(text, charset="utf-8", maxlinelen=_LINE, header_name="x" * max(0, used - 2)).encode(linesep=_EOL)


def _finished(name: str, value: str) -> str:
    """The header with its end; a second look that no value breaks out, whatever the code above has come to be."""
    if re.search(r"\r\n(?! )|\r(?!\n)|(?<!\r)\n|\x00", value):
        raise UnsafeHeader(f"{name} would break out of its line")
    return f"{name}: {value}{_EOL}"
