"""What happens to number series."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class SeriesCreated(Event):
    """A number series was made."""

    name: ClassVar[str] = "number_series.created"
    shape: ClassVar[str] = "SeriesOut"


@dataclass(frozen=True)
class SeriesUpdated(Event):
    """A number series changed."""

    name: ClassVar[str] = "number_series.updated"
    shape: ClassVar[str] = "SeriesOut"


EVENTS = (SeriesCreated, SeriesUpdated)
