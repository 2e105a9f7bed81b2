"""The brand colour and the colours that go with it, readable whatever colour a user picks."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT = "#1f4b99"
# Contrast ratios of WCAG 2.1: normal text, large text; below the third a colour cannot be told from white.
_TEXT, _LARGE, _BARELY = 4.5, 3.0, 1.2
_LINEAR_BELOW = 0.04045  # sRGB
_WHITE = "#ffffff"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Palette:
    """accent: the brand colour; ink: the same, dark enough for text on white; on_accent: text on the brand colour."""

    accent: str
    ink: str
    on_accent: str


def palette(color: str) -> Palette:
    """Return the palette of "#rrggbb"; anything else stands for the default colour."""
    accent = color.lower() if _COLOR.fullmatch(color) else DEFAULT
    if _contrast(accent, _WHITE) < _BARELY:  # it would leave no band and no strip
        accent = "#e5e7eb"
    ink = accent
    while _contrast(ink, _WHITE) < _TEXT:  # ends at black
        ink = _darker(ink)
    return Palette(accent, ink, _WHITE if _contrast(accent, _WHITE) >= _LARGE else "#111827")


def _channels(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def _darker(color: str) -> str:
    return "#" + "".join(f"{int(channel * 0.9):02x}" for channel in _channels(color))


def _luminance(color: str) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.1)."""
    shares = [channel / 255 for channel in _channels(color)]
    linear = [s / 12.92 if s <= _LINEAR_BELOW else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
