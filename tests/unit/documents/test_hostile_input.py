"""Hostile text in every field, hostile HTML past the templates, and the locks behind them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.documents.frames import PdfJob
from app.documents.renderer import Renderer, RenderingFailed
from app.documents.rendering import DocumentView, render_html, render_pdf
from app.documents.text import clean, one_line

from .samples import CUSTOMER, SELLER, invoice, text_of, view

ROOT = Path(__file__).parents[3]


@pytest.fixture
def listener() -> Iterator[tuple[int, list[object]]]:
    """A TCP port and the list of connections made to it."""
    met: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, peer = server.accept()
                except TimeoutError:
                    continue
                met.append(peer)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], met
        stop.set()
        thread.join()


def payloads(port: int, secret: Path) -> list[str]:
    """Return text that would do harm if it were markup, CSS, a template or a command."""
    url = f"http://127.0.0.1:{port}/x.png"
    return [
        f'<img src="{url}"><img src="file://{secret}"><img src="{secret}"><svg><image href="{url}"/></svg>',
        f'"><link rel="stylesheet" href="{url}"><style>@import url({url}); @font-face{{src:url({url})}}</style>',
        "{{7*7}}{% include '/etc/passwd' %}{{ ''.__class__.__mro__ }}",
        f'</td></tr></table><pdf:nextpage/><pdf:insertpdf src="{secret}"/><pdf:toc/><pdf:barcode value="1"/>',
        f"</style><style>@page {{ background-image: url('{url}') }} body {{ display: none }}</style>",
        f"<a href='{url}'>x</a><script>alert(1)</script><para backColor='red'>&lt;b&gt; &#0; &amp; \\u0000",
        "a\x00b\x01c\x1bd\x7fe\x9ff\ud800g\ufffeh\ufeffi\U000e0041j"
        " \u202eevil\u202d \u2066x\u2069 \u200f\u200e \U0001f600 \U0001f1e9\U0001f1ea e\u0301 z\u0335\u0336"
        + "\u0300"
        * 50,
        "<" * 20 + "(" * 20 + "rgb(" * 20,
    ]


def spread(value: Any, payload: str) -> Any:
    """Return `value` with `payload` in the place of every string but states and amounts' keys."""
    if isinstance(value, Mapping):
        return {key: spread(item, payload) for key, item in value.items()}
    if isinstance(value, list):
        return [spread(item, payload) for item in value]
    return payload if isinstance(value, str) else value


def test_hostile_text_in_every_field_stays_text(
    renderer: Renderer, listener: tuple[int, list[object]], tmp_path: Path
) -> None:
    port, met = listener
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP-SECRET")
    for payload in payloads(port, secret):
        brand = {"logo": payload, "color": payload}
        parties = spread(SELLER, payload), spread(CUSTOMER, payload)
        everywhere = DocumentView("invoice", spread(invoice(1), payload), *parties, brand)
        found = text_of(render_pdf(everywhere, renderer))
        assert "TOP-SECRET" not in found and "root:" not in found
        start = clean(payload)[:9].strip()
        assert start in found
        assert "{{7*7}}" not in payload or "49" not in found
    assert met == []


def test_payload_in_notes_reads_back_as_written(renderer: Renderer) -> None:
    payload = '<b>bold</b> & <img src="file:///etc/passwd"/> {{7*7}} &lt;i&gt; ${x} <pdf:pagecount/> @import url(x);'
    assert payload in text_of(render_pdf(view(notes=payload), renderer))


def test_control_and_override_characters_are_dropped() -> None:
    assert clean("a\x00b\x1bc\u202ed\ud800e\ufffef\ufeffg\U000e0041h\U0001ffffi") == "abcdefghi"
    assert clean("one\r\ntwo\rthree\u2028four\x0bfive") == "one\ntwo\nthree\nfour\nfive"
    assert one_line(" a \n b\tc ") == "a b c"
    assert clean(None) == clean(b"x") == clean({"a": 1}) == ""
    assert len(clean("x" * 100_000)) == 20_000 and one_line("x" * 501) == "x" * 499 + "…"
    assert clean("x\n" * 1000).count("\n") == 299 and clean("x\n" * 1000).count("x") == 1000
    assert clean("می\u200cخواهم \U0001f600") == "می\u200cخواهم \U0001f600"


def test_html_holds_no_live_markup_from_users() -> None:
    html = render_html(view(notes="<script>x</script>\n<b>", number="<i>", state="draft", terms="{{7*7}}"))
    assert "<script" not in html and "<b>" not in html and "<i>" not in html
    assert "&lt;script&gt;x&lt;/script&gt;<br/>&lt;b&gt;" in html and "{{7*7}}" in html


HOSTILE_HTML = """<html><head><link rel="stylesheet" href="{url}"><base href="{url}"><style>@import url({url});
@font-face {{ font-family: x; src: url({url}); }} @font-face {{ font-family: y; src: url(file:///etc/passwd); }}
@page {{ background-image: url({url}); }} body {{ font-family: x, y; background: url({url}) }}
ul {{ list-style-image: url({url}) }}
</style></head><body><img src="{url}"><img src="{file}"><img src="file://{file}">
<img src="//127.0.0.1:{port}/x">
<p style="background-image: url({url})">before</p><svg xmlns="http://www.w3.org/2000/svg">
<image href="{url}" width="9" height="9"/></svg><ul><li>a</li></ul>{tag}<p>after</p></body></html>"""
TAGS = [
    '<pdf:insertpdf src="{url}"/>',
    '<pdf:insertpdf src="{file}"/>',
    '<pdf:font name="z" src="{file}"/>',
    '<object data="{url}"/>',
]


@pytest.mark.parametrize("tag", TAGS)
def test_hostile_html_reaches_neither_files_nor_the_network(
    renderer: Renderer, listener: tuple[int, list[object]], tmp_path: Path, tag: str
) -> None:
    port, met = listener
    picture = tmp_path / "x.png"
    Image.new("RGB", (9, 9)).save(picture)
    names = {"url": f"http://127.0.0.1:{port}/x.png", "port": port, "file": picture}
    try:
        drawn = renderer.draw(PdfJob(HOSTILE_HTML.format(tag=tag.format(**names), **names)))
    except RenderingFailed:
        pass  # refused as a whole is fine too
    else:
        assert "before" in text_of(drawn) and b"/Subtype /Image" not in drawn
    assert met == []


RECORDER = """
import hashlib, json, sys
from app.documents import engine
from app.documents.frames import PdfJob
engine.prepare()
seen = []
watched = ("open", "socket", "subprocess", "os.")
sys.addaudithook(lambda event, args: seen.append((event, args[:1])) if event.startswith(watched) else None)
drawn = [engine.draw(PdfJob(**job)) for job in json.load(sys.stdin)]
print(json.dumps([[str(item) for item in seen], [hashlib.sha256(pdf).hexdigest() for pdf in drawn]]))
"""


def test_drawing_opens_no_file_at_all(renderer: Renderer, tmp_path: Path) -> None:
    names = {"url": "http://127.0.0.1:9/x.png", "port": 9, "file": tmp_path / "x.png"}
    htmls = [HOSTILE_HTML.format(tag="", **names), render_html(view(lines=30))]
    jobs = [PdfJob(html, "Page {page} of {pages}", "DRAFT", "#112233") for html in htmls]
    done = subprocess.run(
        [sys.executable, "-c", RECORDER],
        input=json.dumps([dataclasses.asdict(job) for job in jobs]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    seen, digests = json.loads(done.stdout)
    assert seen == []
    assert digests == [hashlib.sha256(renderer.draw(job)).hexdigest() for job in jobs]  # same bytes in another process


ATTEMPTS = """
import ctypes, os, socket, subprocess
from app.documents import sandbox
sandbox.limit_resources()
font = os.path.join(os.path.dirname(sandbox.__file__), "fonts", "Roboto-Bold.ttf")
sandbox.lock()
def refused(act):
    try: act()
    except PermissionError: return True
    except OSError: return "oserror"
    return False
attempts = (
    lambda: open("/etc/passwd"),
    lambda: open(font, "ab"),
    lambda: open(os.path.dirname(font) + "/../../../pyproject.toml"),
    lambda: open("/proc/self/root/etc/passwd"),
    lambda: os.open("/etc/hostname", os.O_RDONLY),
    lambda: os.listdir("/etc"),
    lambda: socket.socket(),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: subprocess.run(["true"]),
    lambda: os.system("true"),
    lambda: os.fork(),
    lambda: os.remove(font),
    lambda: ctypes.CDLL("libc.so.6"),
    lambda: open("new-file", "w"),
    lambda: os.execv("/bin/true", ["true"]),
)
print(open(font, "rb").read(4) == b"\\0\\1\\0\\0", [refused(act) for act in attempts])
"""


def test_audit_hook_refuses_files_processes_and_the_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout.split(" ", 1) == ["True", str([True] * 15) + "\n"], done.stderr
    assert not (ROOT / "new-file").exists()


def test_a_refused_document_does_not_stop_the_next(renderer: Renderer) -> None:
    with pytest.raises(RenderingFailed, match="nests more"):
        renderer.draw(PdfJob("<div>" * 300))
    assert "Item 1" in text_of(render_pdf(view(), renderer))
