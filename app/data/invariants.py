"""What `flask check` reports: each feature's check.py yields one Finding for every broken invariant."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Finding:
    """A broken invariant: which rule, of what kind of thing, whose id, and one sentence."""

    rule: str
    kind: str
    id: UUID
    message: str
