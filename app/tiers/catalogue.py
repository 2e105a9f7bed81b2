"""The tier catalogue: an ordered list, lowest first, from [[tiers]] of billhook.toml or the shipped default.

A feature asks for a tier by name; an organisation may use it when its own tier stands at that place or higher. Nobody
edits code to change who may use what.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.config import BootError, Settings


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One plan: its name, and how many requests a minute and a day its keys may make (None: unlimited)."""

    name: str
    requests_per_minute: int | None
    requests_per_day: int | None


SHIPPED: tuple[Tier, ...] = (
    Tier(name="free", requests_per_minute=30, requests_per_day=1_000),
    Tier(name="advanced", requests_per_minute=60, requests_per_day=10_000),
    Tier(name="pro", requests_per_minute=120, requests_per_day=50_000),
    Tier(name="enterprise", requests_per_minute=300, requests_per_day=None),
)


NEEDED = ("free", "advanced", "pro")  # what the code's own features are declared to need, lowest first


@dataclass(frozen=True)
class Catalogue:
    """The tiers in order, lowest first."""

    tiers: tuple[Tier, ...]

    def names(self) -> list[str]:
        """The tier names, lowest first."""
        return [tier.name for tier in self.tiers]

    def opens(self, tier: str, required: str) -> bool:
        """Whether `tier` stands at `required` or higher. An organisation on a tier that was removed has the lowest."""
        names = self.names()
        rank = names.index(tier) if tier in names else 0
        return rank >= names.index(required)


def load(settings: Settings) -> Catalogue:
    """The operator's catalogue, or the shipped one. Raises BootError with a sentence per problem."""
    problems: list[str] = []
    tiers = tuple(_tier(number, table, problems) for number, table in enumerate(settings.tiers, start=1)) or SHIPPED
    names = [tier.name for tier in tiers]
    problems += [f"[[tiers]]: '{name}' is listed twice." for name in sorted(set(names)) if names.count(name) > 1]
    missing = [needed for needed in NEEDED if needed not in names]
    problems += [f"[[tiers]]: the tier '{name}' is missing; features are declared to need it." for name in missing]
    if not missing and (names[0], *sorted(NEEDED[1:], key=names.index)) != NEEDED:
        problems.append("[[tiers]]: free must come first, and advanced before pro: the order says what each includes.")
    if settings.default_tier not in names:
        problems.append(f"BILLHOOK_DEFAULT_TIER '{settings.default_tier}' is none of the tiers: {', '.join(names)}.")
    if problems:
        raise BootError(problems)
    return Catalogue(tiers)


def _tier(number: int, table: Mapping[str, Any], problems: list[str]) -> Tier:
    name = table.get("name")
    if not isinstance(name, str) or not name.isidentifier():
        problems.append(f"[[tiers]] number {number}: name must be a word such as advanced.")
        name = f"tier{number}"
    limits: dict[str, int | None] = {}
    for key in ("requests_per_minute", "requests_per_day"):
        limit = table.get(key)
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            problems.append(f"[[tiers]] {name}: {key} must be a whole number above 0, or left out for no limit.")
            limit = None
        limits[key] = limit
    unknown = sorted(set(table) - {"name", "requests_per_minute", "requests_per_day"})
    problems += [f"[[tiers]] {name}: '{key}' is not known." for key in unknown]
    return Tier(
        name=name, requests_per_minute=limits["requests_per_minute"], requests_per_day=limits["requests_per_day"]
    )
