"""What happens to webhook endpoints."""

from dataclasses import dataclass
from typing import ClassVar

from app.events.declare import Event


@dataclass(frozen=True)
class WebhookCreated(Event):
    """A webhook endpoint was made."""

    name: ClassVar[str] = "webhook.created"
    shape: ClassVar[str] = "WebhookOut"


@dataclass(frozen=True)
class WebhookUpdated(Event):
    """A webhook endpoint changed, was switched off, or goes on after a pause."""

    name: ClassVar[str] = "webhook.updated"
    shape: ClassVar[str] = "WebhookOut"


@dataclass(frozen=True)
class WebhookSecretRotated(Event):
    """A webhook endpoint has a new secret; the one before it is valid until `previous_secret_until`."""

    name: ClassVar[str] = "webhook.secret_rotated"
    shape: ClassVar[str] = "WebhookOut"


@dataclass(frozen=True)
class WebhookPaused(Event):
    """A webhook endpoint was paused because it said 410 or failed for days; its deliveries wait."""

    name: ClassVar[str] = "webhook.paused"
    shape: ClassVar[str] = "WebhookOut"


@dataclass(frozen=True)
class WebhookDeleted(Event):
    """A webhook endpoint was deleted; what it had not got is cancelled."""

    name: ClassVar[str] = "webhook.deleted"
    shape: ClassVar[str] = "WebhookOut"


EVENTS = (WebhookCreated, WebhookUpdated, WebhookSecretRotated, WebhookPaused, WebhookDeleted)
