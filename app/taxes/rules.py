"""The rules that tie a tax's category, rate and reason together."""

from decimal import Decimal

from marshmallow import ValidationError


def check_category(category: str, kind: str, rate: Decimal | None, reason: str | None) -> None:
    """Check category, rate and reason by EN 16931 (BR-S-05, BR-Z-05, BR-E-05, BR-O-05…). Raises ValidationError."""
    if kind == "exempt" and rate:
        raise ValidationError("An exempt tax has the rate 0.", "rate")
    if category == "O" and rate is not None:
        raise ValidationError("Category O carries no rate at all.", "rate")
    if category != "O" and rate is None:
        raise ValidationError("Is needed unless the category is O.", "rate")
    if kind == "vat" and category == "S" and not rate:
        raise ValidationError("Category S has a rate above 0; use Z, E or another.", "category")
    if category not in {"S", "O"} and rate:
        raise ValidationError(f"Category {category} has the rate 0.", "rate")
    if category not in {"S", "Z"} and not reason:
        raise ValidationError(f"Category {category} needs its reason.", "exemption_reason")
