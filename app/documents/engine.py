"""HTML to PDF through xhtml2pdf. Imported in the child process only: it costs 60 MB that a web process need not carry.

Source of the policy and of the font registration: xhtml2pdf 0.2.28, config/resources.py and context.py.
"""

from __future__ import annotations

import base64
import functools
import io
import logging
import math
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import xhtml2pdf.default
import xhtml2pdf.document
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.fonts import addMapping
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import ttfonts
from reportlab.pdfbase.pdfmetrics import getFont, registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from xhtml2pdf import pisa
from xhtml2pdf.builders.printmarks import MarkedCanvas
from xhtml2pdf.config.resources import ResourceAccessPolicy
from xhtml2pdf.xhtml2pdf_reportlab import PmlBaseDoc

from app.documents.frames import PdfJob

FONTS = Path(__file__).parent / "fonts"
FAMILIES = {  # family: regular, bold. bhfallback draws what Roboto has no glyph for, character by character
    "bh": ("Roboto-Regular", "Roboto-Medium"),
    "bhlight": ("Roboto-Light", "Roboto-Light"),
    "bhheavy": ("Roboto-Bold", "Roboto-Bold"),
    "bhfallback": ("DejaVuSansCondensed", "DejaVuSansCondensed-Bold"),
}
MAX_EXTRA = 4  # the templates name bhextra0 to bhextra3 as the last resort for a character
POLICY = ResourceAccessPolicy.server(None, allow_remote=False, max_resources=0, max_render_seconds=60)

MM = 72 / 25.4
MARGIN = 18 * MM
LABEL_BASELINE = 9.5 * MM
STRIP = 2.2 * MM
MUTED = "#6b7280"


class DrawingFailed(Exception):
    """xhtml2pdf reported an error instead of raising one; the message is its own."""


def register_fonts(extra: Path | None = None) -> None:
    """Register the bundled families, then the first MAX_EXTRA .ttf or .ttc files in `extra`: bhextra0, bhextra1, …."""
    for family, faces in FAMILIES.items():
        for bold, face in enumerate(faces):
            registerFont(TTFont(face, str(FONTS / f"{face}.ttf")))
            for italic in (0, 1):
                addMapping(family, bold, italic, face)
        xhtml2pdf.default.DEFAULT_FONT[family] = family
        registerFont(TTFont(family, str(FONTS / f"{faces[0]}.ttf")))
    found = sorted(extra.iterdir()) if extra and extra.is_dir() else []
    found = [path for path in found if path.suffix.lower() in (".ttf", ".ttc")]
    for number, path in enumerate(found[:MAX_EXTRA]):
        name = f"bhextra{number}"
        try:
            registerFont(TTFont(name, str(path)))
        except Exception:  # noqa: BLE001 - one broken or unsupported font must not stop invoices
            logging.getLogger(__name__).warning("font %s cannot be embedded and is left out", path.name)
            continue
        for style in range(4):
            addMapping(name, style // 2, style % 2, name)
        xhtml2pdf.default.DEFAULT_FONT[name] = name


@functools.cache
def _drawable() -> frozenset[int]:
    """Return every code point some registered font has a glyph for."""
    fonts = [getFont(name) for name in xhtml2pdf.default.DEFAULT_FONT if name.startswith("bh")]
    return frozenset().union(*(font.face.charToGlyph for font in fonts))


def show_missing(html: str) -> str:
    """Return `html` with a box for each character that no font can draw; left alone it would be blank on the page."""
    unknown = {ord(char) for char in html} - _drawable()
    missing = [code for code in unknown if unicodedata.category(chr(code))[0] not in "ZCM"]
    return html.translate(dict.fromkeys(missing, "\u25a1")) if missing else html


def _readable_astral(make: Callable[[str, object], str]) -> Callable[[str, object], str]:
    """Return reportlab's makeToUnicodeCMap with characters above U+FFFF in UTF-16, as PDF wants them (9.10.3).

    It writes <1F600>, which readers take for something else: an emoji would be drawn well and copied wrongly.
    """

    def written(match: re.Match[str]) -> str:
        return f"<{chr(int(match[1], 16)).encode('utf-16-be').hex().upper()}>"

    return lambda name, subset: re.sub(r"<([0-9A-F]{5,6})>", written, make(name, subset))


class _PageCanvas(MarkedCanvas):  # type: ignore[misc]  # reportlab and xhtml2pdf carry no types
    """Adds what depends on the page: the strip, the state mark, and "Page x of y".

    The number of pages is known only at the end. Each page refers to a form of its own ("page3") and the forms are
    written in save(): one layout pass instead of the two that <pdf:pagecount/> takes.
    """

    job: PdfJob = PdfJob("")

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """End a page (reportlab's hook)."""
        self.saveState()
        if self.job.accent:
            self.setFillColor(HexColor(self.job.accent))
            self.rect(0, A4[1] - STRIP, A4[0], STRIP, stroke=0, fill=1)
        if self.job.mark:
            self._draw_mark(self.job.mark)
        self.restoreState()
        if self.job.page_label:
            self.doForm(f"page{self.getPageNumber()}")
        super().showPage()

    def save(self) -> None:
        """End the document (reportlab's hook)."""
        if len(self._code):
            self.showPage()
        pages = self.getPageNumber() - 1
        for page in range(1, pages + 1) if self.job.page_label else ():
            self.beginForm(f"page{page}")
            self.setFont("Roboto-Regular", 7)
            self.setFillColor(HexColor(MUTED))
            text = self.job.page_label.replace("{page}", str(page)).replace("{pages}", str(pages))
            self.drawRightString(A4[0] - MARGIN, LABEL_BASELINE, text)
            self.endForm()
        super().save()

    def _draw_mark(self, mark: str) -> None:
        font, room = "Roboto-Bold", 0.78 * math.hypot(*A4)
        size = min(150.0, room / max(stringWidth(mark, font, 1), 0.1))
        self.translate(A4[0] / 2, A4[1] / 2)
        self.rotate(math.degrees(math.atan2(A4[1], A4[0])))
        self.setFillColor(HexColor("#b91c1c"), alpha=0.10)
        self.setFont(font, size)
        self.drawCentredString(0, -size * 0.36, mark)


class _Document(PmlBaseDoc):  # type: ignore[misc]
    """xhtml2pdf's document on our canvas; pisaDocument has no argument for one."""

    def _makeCanvas(self, filename: object = None, canvasmaker: object = None) -> object:  # noqa: ARG002, N802
        return super()._makeCanvas(filename=filename, canvasmaker=_PageCanvas)


def prepare(extra_fonts: Path | None = None) -> None:
    """Set the engine up, once a process.

    Draws one page, so that nothing is imported or opened later: after this a document needs no file at all.
    """
    logging.getLogger("xhtml2pdf").setLevel(logging.CRITICAL)  # its warnings quote the document
    rl_config.invariant = 1  # fixed dates and ids: same input, same bytes
    register_fonts(extra_fonts)
    xhtml2pdf.document.PmlBaseDoc = _Document
    ttfonts.makeToUnicodeCMap = _readable_astral(ttfonts.makeToUnicodeCMap)
    draw(PdfJob(_WARM_UP, "Page {page} of {pages}", "Draft", "#1f4b99"))


def draw(job: PdfJob) -> bytes:
    """Return `job` as a PDF. Raises DrawingFailed or whatever reportlab, xhtml2pdf and Pillow raise."""
    _PageCanvas.job = job
    out = io.BytesIO()
    result = pisa.CreatePDF(show_missing(job.html), dest=out, encoding="utf-8", capacity=-1, resource_policy=POLICY)
    if result.err:
        raise DrawingFailed(str(result.log[-1][2])[:200] if result.log else "unknown error")
    return out.getvalue()


def _dot() -> str:
    from PIL import Image  # noqa: PLC0415 - start-up only

    out = io.BytesIO()
    Image.new("RGBA", (2, 2), (0, 0, 0, 128)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")


_WARM_UP = f"""<html><head><style>@page {{ size: a4; @frame f {{ -pdf-frame-content: foot; left: 18mm; width: 100mm;
top: 270mm; height: 20mm; }} @frame c {{ left: 18mm; top: 16mm; width: 170mm; height: 240mm; }} }}
body {{ font-family: bh, bhfallback }} td {{ overflow-wrap: anywhere; border-radius: 2pt }}</style></head><body>
<div id="foot">a</div><img src="data:image/png;base64,{_dot()}"><table repeat="1"><tr><th>a</th></tr><tr><td>
\u0645\u0631\u062d\u0628\u0627 b<br>c<table><tr><td>d</td></tr></table></td></tr></table></body></html>"""
