"""User text made safe to draw: what a PDF engine chokes on, or what could disguise a number, is dropped.

Escaping is not done here: the templates escape every value (autoescape), so markup arrives as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# C0 and C1 controls but for tab and newline, lone surrogates, noncharacters, the soft hyphen, the byte order mark,
# interlinear and tag characters, and the bidi embeddings, overrides and isolates (an override can show
# "100" where "001" is stored; ordinary right-to-left text does not need them).
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u202a-\u202e\u2060-\u206f\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]|[\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0010fffe\U0010ffff]"
)
_NEWLINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_MARKS = re.compile("[\u200e\u200f\u061c]")

# Bounds that keep the time of a document in proportion: a paragraph of very many forced lines costs their square.
MAX_CHARACTERS = 20_000
MAX_LINES = 300
MAX_LINE = 500


def clean(value: object) -> str:
    r"""Return `value` as text that can be drawn: "" for None and for what is no text or number, newlines as \n.

    At most 20 000 characters; newlines after the 300th become spaces.
    """
    if value is None or isinstance(value, bool | bytes | dict | list | tuple):
        return ""
    text = _NEWLINES.sub("\n", str(value)[:MAX_CHARACTERS])
    lines = _DROPPED.sub("", text).strip().split("\n")
    return "\n".join([*lines[: MAX_LINES - 1], " ".join(lines[MAX_LINES - 1 :])]).strip()


def one_line(value: object) -> str:
    """Return `clean(value)` with every run of white space as one space, cut with an ellipsis after 500 characters."""
    text = " ".join(clean(value).split())
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def plain_marks(text: str) -> str:
    """Return a formatted number without direction marks and with the plain no-break space (fonts lack U+202F)."""
    return _MARKS.sub("", text).replace("\u202f", "\xa0")


def records(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings in a wire list; [] for anything that is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
