"""The rules on what a customer is called and how their identifiers are kept."""

from collections.abc import Mapping
from typing import Any

MOST_VAT_ID = 30
NAMELESS = "Is needed unless company_name or contact_name is given."


def name_of(values: Mapping[str, Any]) -> str | None:
    """The name to show: their own, else the company's, else the contact's; None when all are empty."""
    names = (values.get(field) for field in ("name", "company_name", "contact_name"))
    return next((name for name in names if isinstance(name, str) and name.strip()), None)


def normalise_vat_id(text: str) -> str:
    """Without spaces, in capitals; nothing else is judged. Raises ValueError when it gets too long."""
    kept = "".join(text.split()).upper()
    if len(kept) > MOST_VAT_ID:
        raise ValueError(f"Must have at most {MOST_VAT_ID} characters.")
    return kept
