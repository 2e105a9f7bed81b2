"""Length-prefixed frames between a process and its document renderer: four bytes, big endian, then so many bytes.

Requests are JSON (see `PdfJob`); answers begin with one byte of `READY`, `PDF` or `FAILED`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">I")
MAX_FRAME = 64 * 1024 * 1024
READY, PDF, FAILED = b"R", b"P", b"F"


@dataclass(frozen=True, slots=True)
class PdfJob:
    """One document to draw.

    html: the whole page; page_label: "Page {page} of {pages}"; mark: the word across each page or "";
    accent: "#rrggbb" of the strip at the top.
    """

    html: str
    page_label: str = ""
    mark: str = ""
    accent: str = ""


def frame(payload: bytes) -> bytes:
    """Return `payload` with its length before it."""
    return HEADER.pack(len(payload)) + payload
