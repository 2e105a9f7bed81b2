"""The line table: which columns a document needs, how wide they must be, and the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.documents.formats import Formats, is_zero
from app.documents.text import clean, one_line

PAGE_WIDTH = 174.0  # mm between the margins
_DIGIT = 1.80  # mm a figure of 9 pt takes
_HEADING = 1.42  # mm a character of a heading takes
_PADDING = 4.0
_INSET = 3.0  # what the first and the last column keep from the edge
_SIZE = 9.0
# What is tried in turn where figures are long: points, and mm for all numeric columns together.
_SIZES = ((9.0, 114.0), (8.0, 114.0), (7.0, 122.0), (6.0, 130.0), (5.0, 134.0), (4.0, 134.0))


@dataclass(frozen=True, slots=True)
class Column:
    """One numeric column: its heading and its width in mm."""

    label: str
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its name, the text below it, and the cells of the numeric columns."""

    name: str
    description: str
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class LineTable:
    """The table; `size` is the font size of the numeric cells in points, smaller where figures are very long."""

    description_label: str
    description_width: float
    columns: Sequence[Column]
    rows: Sequence[Row]
    size: float


def _quantity(line: Mapping[str, Any], formats: Formats) -> str:
    unit = one_line(line.get("unit"))[:12]
    number = formats.number(line.get("quantity"))
    return f"{number} {unit}" if number and unit else number or unit


def _discount(line: Mapping[str, Any], formats: Formats) -> str:
    """Return a line's discount as it was stated: "10%" or an amount; "" without one."""
    discount = line.get("discount")
    if not isinstance(discount, Mapping) or is_zero(discount.get("value")):
        return ""
    show = formats.percent if one_line(discount.get("type")) == "percent" else formats.number
    return "-" + show(discount.get("value"))


def _tax(line: Mapping[str, Any], formats: Formats) -> str:
    """Return a line's rates, "5% + 9.975%"; the name of a tax without rate."""
    taxes = line.get("taxes")
    found = [tax for tax in taxes if isinstance(tax, Mapping)] if isinstance(taxes, list | tuple) else []
    shown = [formats.percent(tax.get("rate")) or one_line(tax.get("name"))[:10] for tax in found]
    return " + ".join(filter(None, shown[:3]))


def _name_and_text(line: Mapping[str, Any]) -> tuple[str, str]:
    name, description = one_line(line.get("name")), clean(line.get("description"))
    return (name, description if description != name else "") if name else ("", description)


def line_table(
    lines: Sequence[Mapping[str, Any]], labels: Mapping[str, str], formats: Formats, *, inclusive: bool
) -> LineTable:
    """Return the table of an invoice's lines; amounts are gross where prices include tax, else net.

    A column in which no line has anything is left out; discounts and taxes come and go that way.
    """
    amount = "gross" if inclusive else "net"
    cells = {
        "quantity": [_quantity(line, formats) for line in lines],
        "unit_price": [formats.number(line.get("unit_price")) for line in lines],
        "discount": [_discount(line, formats) for line in lines],
        "tax": [_tax(line, formats) for line in lines],
        "amount": [formats.number(line.get(amount)) for line in lines],
    }
    used = {key: column for key, column in cells.items() if any(column)}
    headings = {key: _heading(key, labels, formats) for key in used}
    widths, size = _widths(used, headings)
    texts = [_name_and_text(line) for line in lines]
    return LineTable(
        description_label=labels["description"],
        description_width=PAGE_WIDTH - sum(widths.values()),
        columns=[Column(headings[key], widths[key]) for key in used],
        rows=[Row(*text, list(row)) for text, row in zip(texts, zip(*used.values(), strict=True), strict=True)]
        if used
        else [Row(*text, []) for text in texts],
        size=size,
    )


def _heading(key: str, labels: Mapping[str, str], formats: Formats) -> str:
    """Return a column's heading; the amounts' one names the currency, as the cells carry bare numbers."""
    return f"{labels[key]} {formats.currency}".strip() if key == "amount" else labels[key]


def _widths(used: Mapping[str, Sequence[str]], headings: Mapping[str, str]) -> tuple[dict[str, float], float]:
    """Return each column's width in mm and the font size that lets every figure stay on one line."""
    longest = {key: max(map(len, column)) for key, column in used.items()}
    least = {key: len(heading) * _HEADING for key, heading in headings.items()}
    for size, room in _SIZES:
        widths = {key: max(least[key], count * _DIGIT * size / _SIZE) + _PADDING for key, count in longest.items()}
        for key in list(widths)[-1:]:
            widths[key] += _INSET
        if sum(widths.values()) <= room:
            return widths, size
    scale = room / sum(widths.values())
    return {key: width * scale for key, width in widths.items()}, size
