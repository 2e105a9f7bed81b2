"""A logo as it arrives (a data URI from a user) made into one a document may hold: a small, freshly encoded PNG."""

from __future__ import annotations

import base64
import binascii
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MAX_BYTES = 4 * 1024 * 1024
MAX_PIXELS = 16_000_000
BOX = (1200, 600)
LONGEST = 1_400_000  # characters of the data URI that is kept

_DATA_URI = re.compile(r"data:image/[a-zA-Z0-9.+-]{1,20}(?:;[a-zA-Z0-9=-]{1,40})*;base64,", re.ASCII)


class InvalidLogo(ValueError):
    """The data URI holds no picture that can be used; the message says why, in words for the user."""


def normalise_logo(data_uri: str) -> str:
    """Return `data_uri` as "data:image/png;base64,…", at most 1200 x 600 pixels, first frame, upright, no metadata.

    Takes PNG, JPEG, GIF and WEBP by content (the stated media type is not believed) of at most 4 MiB and 16 million
    pixels; the size is read from the header, before anything is decoded. Raises InvalidLogo for all else.
    """
    data = _decode(data_uri)
    try:
        return _fitting(_picture(data))
    except InvalidLogo:
        raise
    except Exception as error:  # Pillow raises many kinds on broken files, SyntaxError and struct.error among them
        raise InvalidLogo("the logo cannot be read as a PNG, JPEG, GIF or WEBP picture") from error


def _decode(data_uri: str) -> bytes:
    """Return the bytes of a base64 data URI. Raises InvalidLogo."""
    start = _DATA_URI.match(data_uri) if isinstance(data_uri, str) else None
    if start is None:
        raise InvalidLogo("the logo must be a data URI: data:image/png;base64,…")
    body = data_uri[start.end() :]
    if len(body) > MAX_BYTES * 4 // 3 + 4:
        raise InvalidLogo(f"the logo is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidLogo("the logo is not valid base64") from error


def _picture(data: bytes) -> Picture:
    """Return the decoded first frame, downsized to fit BOX. Raises InvalidLogo, or what Pillow raises."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - a process that never sees a logo never loads Pillow

    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if not width or not height or width * height > MAX_PIXELS:
            raise InvalidLogo(f"the logo has {width} x {height} pixels; at most {MAX_PIXELS} pixels are accepted")
        image.draft("RGB", BOX)  # lets JPEG decode at a fraction of its size
        upright = ImageOps.exif_transpose(image)
        has_alpha = "A" in upright.getbands() or "transparency" in upright.info
        picture = upright.convert("RGBA" if has_alpha else "RGB")
    picture.thumbnail(BOX)
    return picture


def _fitting(picture: Picture) -> str:
    """Return a picture as a PNG data URI of at most LONGEST characters, made smaller until it fits."""
    while len(encoded := _encode(picture)) > LONGEST:
        picture.thumbnail((picture.width * 3 // 4, picture.height * 3 // 4))
    return encoded


def _encode(picture: Picture) -> str:
    """Return a picture as a PNG data URI."""
    picture.info.clear()
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
