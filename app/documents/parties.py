"""Seller and buyer as blocks of lines: names, addresses in the order of their country, identifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.documents.formats import Formats
from app.documents.text import clean, one_line

# Where the house number stands before the street, and the city before the postal code.
_NUMBER_FIRST = frozenset({"AU", "CA", "FR", "GB", "IE", "IN", "LU", "NZ", "SG", "US", "ZA"})
_CITY_FIRST = frozenset({"AE", "AU", "CA", "GB", "HK", "IE", "IN", "KW", "NZ", "SA", "SG", "US", "ZA"})
_UNBROKEN = 40  # characters of a fact in the footer that stay on one line


@dataclass(frozen=True, slots=True)
class Party:
    """One block: its label, the name in bold, and the lines below it."""

    label: str
    name: str
    lines: Sequence[str]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def address_lines(address: Mapping[str, Any], formats: Formats) -> list[str]:
    """Return street, second line, city and country, without empty ones."""
    code = one_line(address.get("country")).upper()
    street = [one_line(address.get("line1")), one_line(address.get("building_number"))]
    city = [one_line(address.get("postal_code")), one_line(address.get("city"))]
    region = one_line(address.get("region"))
    if code in _NUMBER_FIRST:
        street.reverse()
    if code in _CITY_FIRST:
        city = [", ".join(filter(None, (city[1], region))), city[0]]
    elif region and region != city[1]:
        city.append(f"({region})" if city[1] else region)
    second = clean(address.get("line2")).split("\n")
    rest = (" ".join(filter(None, city)), formats.country(code))
    lines = (" ".join(filter(None, street)), *map(one_line, second), *rest)
    return [line for line in lines if line]


def _identifiers(source: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    keys = ("vat_id", "tax_number", "registration_id")
    return [f"{labels[key]}: {value}" for key in keys if (value := one_line(source.get(key)))]


def _seller(seller: Mapping[str, Any], labels: Mapping[str, str], formats: Formats) -> Party:
    name = one_line(seller.get("legal_name")) or one_line(seller.get("name"))
    address = address_lines(_mapping(seller.get("address")), formats)
    return Party(labels["from"], name, [*address, *_identifiers(seller, labels)[:2]])


def _buyer(
    customer: Mapping[str, Any], address: Mapping[str, Any], labels: Mapping[str, str], formats: Formats
) -> Party:
    stated = [one_line(customer.get(key)) for key in ("company_name", "name", "contact_name")]
    names = list(dict.fromkeys(filter(None, [*stated, one_line(address.get("name"))])))
    tail = [*_identifiers(customer, labels), one_line(customer.get("email"))]
    lines = [*names[1:], *address_lines(address, formats), *filter(None, tail)]
    return Party(labels["bill_to"], names[0] if names else "", lines)


def parties(
    seller: Mapping[str, Any], customer: Mapping[str, Any], labels: Mapping[str, str], formats: Formats
) -> list[Party]:
    """Return the blocks that have content: from, bill to and, where it differs from billing, ship to."""
    billing, shipping = _mapping(customer.get("billing_address")), _mapping(customer.get("shipping_address"))
    blocks = [_seller(seller, labels, formats), _buyer(customer, billing, labels, formats)]
    ship_lines = address_lines(shipping, formats)
    if ship_lines and ship_lines != address_lines(billing, formats):
        name = one_line(shipping.get("name")) or blocks[1].name
        phone = one_line(shipping.get("phone"))
        blocks.append(Party(labels["ship_to"], name, [*ship_lines, *([phone] if phone else [])]))
    return [block for block in blocks if block.name or block.lines]


def seller_facts(seller: Mapping[str, Any], labels: Mapping[str, str], formats: Formats) -> list[str]:
    """Return the footer's lines: who and where, identifiers and contact, and the seller's own words."""
    name = one_line(seller.get("legal_name")) or one_line(seller.get("name"))
    where = [name, *address_lines(_mapping(seller.get("address")), formats)]
    contact = [one_line(seller.get(key)) for key in ("email", "phone", "website")]
    lines = [where, [*_identifiers(seller, labels), *contact], [one_line(seller.get("footer"))]]
    # A telephone number or an identifier does not break over lines; long facts may.
    joined = ([fact.replace(" ", "\xa0") if len(fact) < _UNBROKEN else fact for fact in line if fact] for line in lines)
    return [" · ".join(line) for line in joined if line]
