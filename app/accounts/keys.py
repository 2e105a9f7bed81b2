"""The form of an API key: bh_live_ + 30 random base62 characters + 6 base62 characters of CRC32.

The checksum lets scanners recognise a leaked key and lets us refuse a mistyped one without asking the database.
"""

import hashlib
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "bh_live_"
RANDOM_LENGTH, CHECKSUM_LENGTH = 30, 6
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


def generate() -> str:
    """A fresh key: 30 base62 characters are 178 bits of randomness."""
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + checksum(body)


def checksum(body: str) -> str:
    """CRC32 of the key without its checksum, in six base62 digits."""
    number, text = zlib.crc32(body.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
    return text


def well_formed(key: str) -> bool:
    """Whether this can be a key of ours at all."""
    return bool(_FORM.fullmatch(key)) and checksum(key[:-CHECKSUM_LENGTH]) == key[-CHECKSUM_LENGTH:]


def digest(key: str) -> bytes:
    """What is stored: SHA-256. The key is random, so a slow hash would protect nothing."""
    return hashlib.sha256(key.encode("ascii")).digest()
