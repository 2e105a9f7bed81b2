"""What happens to API keys and settings."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class ApiKeyCreated(Event):
    """A key was made. The secret is not in the event."""

    name: ClassVar[str] = "api_key.created"
    shape: ClassVar[str] = "ApiKeyOut"


@dataclass(frozen=True)
class ApiKeyUpdated(Event):
    """A key's name, scopes, addresses or expiry changed."""

    name: ClassVar[str] = "api_key.updated"
    shape: ClassVar[str] = "ApiKeyOut"


@dataclass(frozen=True)
class ApiKeyRevoked(Event):
    """A key was made useless."""

    name: ClassVar[str] = "api_key.revoked"
    shape: ClassVar[str] = "ApiKeyOut"


@dataclass(frozen=True)
class SettingsUpdated(Event):
    """The organisation's settings changed."""

    name: ClassVar[str] = "settings.updated"
    shape: ClassVar[str] = "SettingsSummary"


EVENTS = (ApiKeyCreated, ApiKeyUpdated, ApiKeyRevoked, SettingsUpdated)
