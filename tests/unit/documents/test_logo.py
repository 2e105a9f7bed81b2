"""Logos: what is accepted, what comes out, and what is refused before it is decoded."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from app.accounts import logo
from app.accounts.logo import InvalidLogo, normalise_logo


def data_uri(data: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64," + base64.b64encode(data).decode()


def encoded(kind: str, size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "teal" if mode != "L" else 100).save(out, kind, **options)
    return out.getvalue()


def decoded(uri: str) -> Image.Image:
    assert uri.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])), formats=["PNG"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_accepts_four_formats_by_content(kind: str) -> None:
    image = decoded(normalise_logo(data_uri(encoded(kind), "image/x-whatever")))
    assert image.size == (40, 20)


@pytest.mark.parametrize(("size", "result"), [((3000, 500), (1200, 200)), ((500, 3000), (100, 600)), ((9, 9), (9, 9))])
def test_fits_the_box_and_never_grows(size: tuple[int, int], result: tuple[int, int]) -> None:
    assert decoded(normalise_logo(data_uri(encoded("PNG", size)))).size == result


def test_keeps_transparency_and_drops_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret"
    uri = normalise_logo(data_uri(encoded("PNG", mode="RGBA", exif=exif)))
    image = decoded(uri)
    assert image.mode == "RGBA" and not image.getexif() and b"secret" not in base64.b64decode(uri.split(",")[1])


def test_turns_a_photograph_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decoded(normalise_logo(data_uri(encoded("JPEG", exif=exif)))).size == (20, 40)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "LA", "I;16"])
def test_accepts_every_colour_mode(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (8, 8)).save(out, "TIFF" if mode == "CMYK" else "PNG")
    if mode == "CMYK":
        out = io.BytesIO()
        Image.new(mode, (8, 8)).save(out, "JPEG")
    assert decoded(normalise_logo(data_uri(out.getvalue()))).mode in ("RGB", "RGBA")


def test_same_logo_same_bytes() -> None:
    uri = data_uri(encoded("JPEG", (2000, 900)))
    assert normalise_logo(uri) == normalise_logo(uri)
    assert normalise_logo(normalise_logo(uri)) == normalise_logo(uri)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be width x height."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height"), [(50_000, 50_000), (4_001, 4_000), (20_000, 20_000), (2**31 - 1, 1), (16_000_001, 1)]
)
def test_bombs_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch, width: int, height: int) -> None:
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("decoded"))
    with pytest.raises(InvalidLogo):
        normalise_logo(data_uri(bomb(width, height)))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "data:,x",
        "http://a.example/logo.png",
        "file:///etc/passwd",
        "data:image/png;base64,***",
        "data:image/png;base64,",
        "data:image/png," + "A" * 40,
        data_uri(b"not a picture"),
        data_uri(encoded("PNG")[:60]),
        data_uri(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        data_uri(encoded("BMP")),
        data_uri(encoded("TIFF")),
        data_uri(b"%PDF-1.4"),
        data_uri(bytes(logo.MAX_BYTES + 10)),
        data_uri(bomb(100, 100)),
    ],
    ids=range(15),
)
def test_everything_else_is_refused_in_words(uri: str) -> None:
    with pytest.raises(InvalidLogo, match="logo"):
        normalise_logo(uri)


def test_no_string_is_refused_too() -> None:
    with pytest.raises(InvalidLogo):
        normalise_logo(None)  # type: ignore[arg-type]
