"""The line table: which columns a document needs, how wide they must be, and the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.documents.facts import PAGE_WIDTH
from app.documents.formats import Formats, decimal_of, is_zero
from app.documents.text import clean, one_line, records

_DIGIT = 1.80  # mm a figure of 9 pt takes
_HEADING = 1.42  # mm a character of a heading takes
_PADDING = 4.0
_INSET = 3.0  # what the first and the last column keep from the edge
_SIZE = 9.0
_WHOLE = 14  # characters: "12 kilogramme" stays on one line, longer cells may wrap between words
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
    return " ".join(filter(None, (formats.number(line.get("quantity")), one_line(line.get("unit")))))


def _unit_price(line: Mapping[str, Any], formats: Formats) -> str:
    """Return "750.00", or "750.00 / 100" where the price is for so many."""
    price, base = formats.number(line.get("unit_price")), decimal_of(line.get("price_base_quantity"))
    return price if not price or base is None or base == 1 else f"{price} / {formats.number(f'{base:f}')}"


def _discount(line: Mapping[str, Any], formats: Formats) -> str:
    """Return a line's discount as it was stated: "10%" or an amount; "" without one."""
    discount = line.get("discount")
    if not isinstance(discount, Mapping) or is_zero(discount.get("value")):
        return ""
    show = formats.percent if one_line(discount.get("type")) == "percent" else formats.number
    return "-" + show(discount.get("value"))


def _tax(line: Mapping[str, Any], formats: Formats) -> str:
    """Return a line's rates, "5% + 9.975%"; the name of a tax without rate."""
    taxes = [tax for tax in records(line.get("taxes")) if one_line(tax.get("kind")) != "withholding"]
    shown = [formats.percent(tax.get("rate")) or one_line(tax.get("name")) for tax in taxes]
    return " + ".join(filter(None, shown))


def _name_and_text(line: Mapping[str, Any], labels: Mapping[str, str], formats: Formats) -> tuple[str, str]:
    """Return a line's name, and below it its description, period and additions, each on lines of its own."""
    name, description = one_line(line.get("name")), clean(line.get("description"))
    texts = [description if description != name else ""]
    texts.append(formats.period(line.get("period_start"), line.get("period_end")))
    for charge in records(line.get("charges")):
        if not is_zero(charge.get("amount")):
            reason = one_line(charge.get("reason")) or labels["charges"]
            texts.append(f"{reason}: {formats.number(charge.get('amount'))}")
    return name, "\n".join(filter(None, texts))


def line_table(
    lines: Sequence[Mapping[str, Any]], labels: Mapping[str, str], formats: Formats, *, inclusive: bool
) -> LineTable:
    """Return the table of an invoice's lines; amounts are gross where prices include tax, else net.

    A column in which no line has anything is left out; discounts and taxes come and go that way.
    """
    amount = "gross" if inclusive else "net"
    cells = {
        "quantity": [_quantity(line, formats) for line in lines],
        "unit_price": [_unit_price(line, formats) for line in lines],
        "discount": [_discount(line, formats) for line in lines],
        "tax": [_tax(line, formats) for line in lines],
        "amount": [formats.number(line.get(amount)) for line in lines],
    }
    used = {key: column for key, column in cells.items() if any(column)}
    headings = {key: _heading(key, labels, formats) for key in used}
    widths, size = _widths(used, headings)
    texts = [_name_and_text(line, labels, formats) for line in lines]
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


def _longest_part(cell: str) -> int:
    """Return how many characters of a cell must stay together: short cells whole, long ones word by word."""
    return len(cell) if len(cell) <= _WHOLE else max(map(len, cell.split(" ")))


def _widths(used: Mapping[str, Sequence[str]], headings: Mapping[str, str]) -> tuple[dict[str, float], float]:
    """Return each column's width in mm and the font size that lets every figure stay on one line."""
    longest = {key: max(_longest_part(cell) for cell in column) for key, column in used.items()}
    least = {key: len(heading) * _HEADING for key, heading in headings.items()}
    for size, room in _SIZES:
        widths = {key: max(least[key], count * _DIGIT * size / _SIZE) + _PADDING for key, count in longest.items()}
        for key in list(widths)[-1:]:
            widths[key] += _INSET
        if sum(widths.values()) <= room:
            return widths, size
    scale = room / sum(widths.values())
    return {key: width * scale for key, width in widths.items()}, size
