"""Secrets and signatures of webhooks.

A secret is `whsec_` and base64 of its bytes (Standard Webhooks), or any text that the caller brought.
X-Webhook-Signature is keyed with the secret's text as it was shown, as most people do it by hand; webhook-signature
with the bytes that the text stands for, as the Standard Webhooks libraries do it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app import __version__

PREFIX = "whsec_"
LEAST_BYTES, MADE_BYTES, LONGEST_SECRET = 24, 32, 200
USER_AGENT = f"Billhook/{__version__}"


class Unreadable(Exception):
    """A secret was encrypted with another secret key than the installation has now."""


def make_secret() -> str:
    """A fresh secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(MADE_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises ValueError(sentence) for one that is malformed or too short."""
    key = secret.encode()
    if secret.startswith(PREFIX):
        try:
            text = secret.removeprefix(PREFIX)
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"Must be base64 after {PREFIX}.") from error
    if len(key) < LEAST_BYTES:
        raise ValueError(f"Must hold at least {LEAST_BYTES} bytes.")
    return key


def seal(secret: str, installation: str) -> str:
    """A secret as it is stored: encrypted with a key that only the installation's own secret gives."""
    return _fernet(installation).encrypt(secret.encode()).decode("ascii")


def unseal(sealed: str, installation: str) -> str:
    """A stored secret in plain. Raises Unreadable."""
    try:
        return _fernet(installation).decrypt(sealed.encode("ascii")).decode()
    except InvalidToken as error:
        raise Unreadable from error


def headers(
    secrets: Sequence[str], *, delivery_id: UUID, event_id: UUID, event: str, body: bytes, now: int
) -> dict[str, str]:
    """The headers of an attempt; `secrets` are those that are valid, the newest first.

    webhook-id names the message, so it is the event's id: the same over retries, redeliveries and replays.
    """
    by_hand = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    signed = f"{event_id}.{now}.".encode() + body
    standard = [hmac.new(key_of(secret), signed, hashlib.sha256).digest() for secret in secrets]
    made = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Webhook-Event": event,
        "X-Webhook-Delivery-Id": str(delivery_id),
        "X-Webhook-Timestamp": str(now),
        "X-Webhook-Signature": by_hand[0],
        "webhook-id": str(event_id),
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in standard),
    }
    return made | ({"X-Webhook-Signature-Previous": by_hand[1]} if by_hand[1:] else {})


@lru_cache(maxsize=8)
def _fernet(installation: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"billhook webhook secrets").derive(installation.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
