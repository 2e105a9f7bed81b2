"""What can happen. A feature's events.py declares its events as documented dataclasses; the factory lists them.

An event names a thing and what was done to it: `invoice.issued`. It is emitted as the last deed of a service function,
once for each change, and never for what did not happen: it is stored by the transaction that makes the change.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from flask import current_app

EXTENSION = "billhook.events"


@dataclass(frozen=True)
class Event:
    """Base of all events. A subclass sets `name` and `shape`; its docstring is its documentation.

    name: noun.past_participle, never changed once published. shape: the schema that writes `data`, by its class name;
    a name, because schemas stand above the service that emits. subject: the row that it happened to, after the change.
    """

    name: ClassVar[str]
    shape: ClassVar[str]

    subject: Any

    @property
    def entity_type(self) -> str:
        """What kind of thing it happened to: the noun of the name."""
        return self.name.partition(".")[0]

    @property
    def entity_id(self) -> UUID:
        """Which one."""
        found: UUID = self.subject.id
        return found


Reaction = Callable[[Any], None]


@dataclass(frozen=True)
class Catalogue:
    """The events that this installation knows, and the reactions to them.

    A reaction runs inside the transaction that makes the change, right where the event is emitted, and may refuse the
    change by raising a Problem. What may happen later is no reaction but a handler (jobs/handlers.py).
    """

    events: Mapping[str, type[Event]]
    reactions: Mapping[type[Event], tuple[Reaction, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[type[Event]], reactions: Mapping[type[Event], tuple[Reaction, ...]]) -> "Catalogue":
        """Collect declarations. Raises ValueError when two events share a name."""
        known: dict[str, type[Event]] = {}
        for event in events:
            if known.setdefault(event.name, event) is not event:
                raise ValueError(f"two events are called {event.name}")
        return cls(known, dict(reactions))


def catalogue() -> Catalogue:
    """The catalogue of the running application."""
    found: Catalogue = current_app.extensions[EXTENSION]
    return found
