"""Labels with their values, and bands of them: several side by side over the width of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

PAGE_WIDTH = 174.0  # mm between the margins
_IN_A_ROW = 5
_COUNTED = 30  # characters of a value beyond which it may wrap
_GAP = 5.0  # characters
_LEAST = 1 / 1.6  # of an equal share


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value, both ready to print; `width` in mm where the fact stands in a band, else 0."""

    label: str
    value: str
    width: float = 0.0


def present(pairs: Iterable[tuple[str, str]]) -> list[Fact]:
    """Return the pairs that have a value."""
    return [Fact(label, value) for label, value in pairs if value]


def bands(facts: Sequence[Fact]) -> list[list[Fact]]:
    """Return the facts in rows of at most five, evenly filled, each as wide as the page."""
    rows = -(-len(facts) // _IN_A_ROW)
    size = -(-len(facts) // rows) if rows else 1
    return [_band(facts[start : start + size]) for start in range(0, len(facts), size)]


def _band(facts: Sequence[Fact]) -> list[Fact]:
    """Return the facts with widths in proportion to their texts, none far below an equal share."""
    needs = [max(len(fact.label), min(len(fact.value), _COUNTED)) + _GAP for fact in facts]
    weights = [max(need, sum(needs) / len(needs) * _LEAST) for need in needs]
    return [
        replace(fact, width=round(PAGE_WIDTH * weight / sum(weights), 2))
        for fact, weight in zip(facts, weights, strict=True)
    ]
