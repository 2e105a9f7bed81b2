"""Secrets never reach the log: whatever a line holds is searched for them, by name, by form and by value.

By value means the configured secrets themselves: wherever one turns up (an exception's text, an address), it is masked.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

MASK = "***"
LEAST_LITERAL = 5  # a shorter password is masked in its address, and not wherever its letters happen to stand

_NAMES = r"authorization|passw(?:or)?d|secret|token|cookie|api[-_]?key|credential|signature"
_SENSITIVE = re.compile(_NAMES, re.IGNORECASE)
_KEY = re.compile(r"\b(bh_[a-z]+_)[0-9A-Za-z]{8,}([0-9A-Za-z]{4})")
_FORMS = (
    (re.compile(r"\bwhsec_[0-9A-Za-z+/=_-]+"), f"whsec_{MASK}"),
    (re.compile(r"([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/]*@", re.IGNORECASE), rf"\1:{MASK}@"),
    (re.compile(r"\b(bearer|basic) +[0-9a-z._~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(rf"((?:{_NAMES})[\w-]*[\"']?\s*[:=]\s*)(?:b?([\"']).*?\2|[^\s\"',;&]+)", re.IGNORECASE), rf"\1{MASK}"),
)
# Where none of these is, none of the above can be; looking for them is quicker.
_HINTS = ("://", "bh_", "whsec_", "bearer", "basic", "api", "authorization", "passw", "secret", "token", "cookie")
_MORE_HINTS = ("credential", "signature")
MOST_REMEMBERED, LONGEST_REMEMBERED = 2048, 64
_PLAIN = (int, float, type(None))  # bool is an int


def shown_key(key: str) -> str:
    """A key as people may see it: its prefix and its last four characters."""
    return f"{key[:8]}…{key[-4:]}"


@lru_cache(1024)
def _is_sensitive(name: str) -> bool:
    return bool(_SENSITIVE.search(name))


class Masker:
    """Masks names, forms and these secrets. Is a processor of structlog, too."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {form for each in secrets for form in (each, quote(each, safe=""), unquote(each))}
        literals = sorted((each for each in spellings if len(each) >= LEAST_LITERAL), key=len, reverse=True)
        self._literals = re.compile("|".join(map(re.escape, literals))) if literals else None
        self._hints = (*_HINTS, *_MORE_HINTS, *(each.lower() for each in literals))
        # Most of what a line holds is said again and again: paths, organisations, addresses.
        self._short = lru_cache(MOST_REMEMBERED)(self._masked)

    def __call__(self, _logger: object, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Mask what an event holds."""
        for name, value in event.items():
            if not isinstance(value, _PLAIN):
                event[name] = self._value(name, value)
        return event

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._short(text) if len(text) <= LONGEST_REMEMBERED else self._masked(text)

    def _masked(self, text: str) -> str:
        lowered = text.lower()
        if not any(hint in lowered for hint in self._hints):
            return text
        if self._literals:
            text = self._literals.sub(MASK, text)
        text = _KEY.sub(r"\1…\2", text)
        for form, replacement in _FORMS:
            text = form.sub(replacement, text)
        return text

    def _value(self, name: str, value: Any) -> Any:
        if _is_sensitive(name):
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._value(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value("", each) for each in value]
        return value if isinstance(value, _PLAIN) else self.text(str(value))
