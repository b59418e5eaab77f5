"""The parts of a report's pages: fonts, texts, tables of facts, pictures, cards side by side.

Text is what somebody typed, so all of it is escaped here; nothing is read as ReportLab's markup.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from xml.sax.saxutils import escape

from PIL import Image as PilImage
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, Image, Paragraph, SimpleDocTemplate, Table
from reportlab.platypus.flowables import CallerMacro

from momkd_core.evidence import View
from momkd_core.evidence_pictures import font_file
from momkd_core.evidence_record import NOTICE
from momkd_core.report_legend import legend
from momkd_core.slide import RgbImage

#: Points inside the margins.
WIDTH = A4[0] - 32 * mm

__all__ = [
    "WIDTH", "Flowable", "document", "facts", "heading", "named", "notice", "picture", "room",
    "side_by_side", "small", "strong", "text", "title", "view_of_slide", "warning",
]  # fmt: skip

_FONT, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_INK, _PALE, _LINE, _NOTICE = map(HexColor, ("#202226", "#54585f", "#c9ccd1", "#fdf1d6"))
_WARNING = HexColor("#fbe3df")
_GAP = 3 * mm
_JPEG_QUALITY = 90
_TOTAL = "pages"
_PADDING = 6  # of a frame, in points


def heading(text: str) -> Flowable:
    return Paragraph(escape(text), _style("h2", 12, bold=True, before=9, after=3, next_too=True))


def title(text: str) -> Flowable:
    return Paragraph(escape(text), _style("h1", 17, bold=True, after=2))


def text(said: str) -> Flowable:
    return Paragraph(escape(said), _style("text", 9, after=3))


def small(said: str) -> Flowable:
    return Paragraph(escape(said), _style("small", 7.5, colour=_PALE, before=1.5, after=2))


def strong(said: str) -> Flowable:
    return Paragraph(escape(said), _style("strong", 12, bold=True, after=3, before=3))


def named(name: str, said: str) -> Flowable:
    """A name in bold, and what is said of it."""
    style = _style("text", 9, after=3)
    return Paragraph(f"<b>{escape(name)}</b>: {escape(said)}", style)


def notice(said: str) -> Flowable:
    return Paragraph(escape(said), _style("notice", 9, back=_NOTICE, before=3, after=6))


def warning(said: str) -> Flowable:
    return Paragraph(escape(said), _style("warning", 9, back=_WARNING, before=3, after=6))


def facts(rows: Sequence[tuple[str, str]], share: float = 0.27) -> Flowable:
    """Names and values; a long value goes on over the page's end."""
    name, value = _style("name", 8, bold=True), _style("value", 8)
    cells = [[Paragraph(escape(a), name), Paragraph(escape(b), value)] for a, b in rows]
    return Table(
        cells,
        colWidths=[WIDTH * share, WIDTH * (1 - share)],
        splitInRow=1,
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ],
    )


def picture(image: RgbImage, width: float, height: float) -> Flowable:
    """(h, w, 3) uint8 as JPEG, as large as fits into so many points, in the middle."""
    stream = io.BytesIO()
    PilImage.fromarray(image).save(stream, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    stream.seek(0)
    scale = min(width / image.shape[1], height / image.shape[0])
    return Image(stream, image.shape[1] * scale, image.shape[0] * scale)


def view_of_slide(
    view: View, width: float, height: float, microns_across: float | None
) -> list[Flowable]:
    """The whole slide with legend, scale bar and caption, within so many points.

    Args:
        microns_across: how wide the slide is; None where unknown.
    """
    _fonts()
    image = picture(view.picture, width, height)
    below = legend(view.tint, image.drawWidth, microns_across, _FONT)
    below.hAlign = "CENTER"
    return [image, below, small(view.caption)]


def room(height: float) -> Flowable:
    """A new page where less than so many points are left."""
    return CondPageBreak(height)


def side_by_side(cells: Sequence[Sequence[Flowable]], columns: int) -> Flowable:
    """Cards in rows; a card is never split, so it must be lower than a page."""
    rows = [list(cells[at : at + columns]) for at in range(0, len(cells), columns)]
    rows[-1] += [[]] * (columns - len(rows[-1]))
    return Table(
        rows,
        colWidths=[WIDTH / columns] * columns,
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), _GAP),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2 * _GAP),
        ],
    )


def document(
    parts: Sequence[Flowable], name: str, footer: str, written: datetime
) -> tuple[bytes, int]:
    """A PDF of A4 pages, and how many; the same parts at the same time give the same bytes.

    Args:
        name: of the document, in its properties.
        footer: on every page beside the notice and the page's number.
        written: UTC, in its properties.
    """
    _fonts()
    stream = io.BytesIO()
    template = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=16 * mm - _PADDING,
        rightMargin=16 * mm - _PADDING,
        topMargin=14 * mm,
        bottomMargin=18 * mm,
        title=name,
        author="MoMKD Viewer",
        subject=NOTICE,
        invariant=1,  # or its id would hold the time of day, and bytes would differ
        lang="en",
    )
    page = _page(footer, written)
    template.build([*parts, CallerMacro(_total)], onFirstPage=page, onLaterPages=page)
    return stream.getvalue(), int(template.page)


def _page(footer: str, written: datetime) -> Callable[[Canvas, SimpleDocTemplate], None]:
    def draw(canvas: Canvas, template: SimpleDocTemplate) -> None:
        canvas.setDateFormatter(lambda *_: written.strftime("D:%Y%m%d%H%M%SZ"))
        canvas.saveState()
        canvas.setStrokeColor(_LINE)
        canvas.line(16 * mm, 13 * mm, A4[0] - 16 * mm, 13 * mm)
        canvas.setFillColor(_INK)
        canvas.setFont(_BOLD, 7.5)
        canvas.drawString(16 * mm, 9 * mm, NOTICE)
        canvas.setFont(_FONT, 7.5)
        where = f"{footer}, page {canvas.getPageNumber()} of "
        canvas.drawRightString(A4[0] - 21 * mm, 9 * mm, where)
        canvas.doForm(_TOTAL)  # known at the end only
        canvas.restoreState()

    return draw


def _total(last: CallerMacro) -> None:
    canvas = last.canv
    pages = str(canvas.getPageNumber())
    canvas.beginForm(_TOTAL, 0, 0, *A4)
    canvas.setFillColor(_INK)
    canvas.setFont(_FONT, 7.5)
    canvas.drawString(A4[0] - 21 * mm, 9 * mm, pages)
    canvas.endForm()


@cache
def _fonts() -> None:
    """DejaVu Sans, embedded: a PDF's own fonts have neither C⁺ nor µ."""
    for name in (_FONT, _BOLD):
        pdfmetrics.registerFont(TTFont(name, font_file(name)))
    pdfmetrics.registerFontFamily(_FONT, _FONT, _BOLD, _FONT, _BOLD)


def _style(
    name: str,
    size: float,
    *,
    bold: bool = False,
    colour: HexColor = _INK,
    back: HexColor | None = None,
    before: float = 0,
    after: float = 0,
    next_too: bool = False,
) -> ParagraphStyle:
    _fonts()
    return ParagraphStyle(
        name,
        fontName=_BOLD if bold else _FONT,
        fontSize=size,
        leading=size * 1.35,
        textColor=colour,
        backColor=back,
        borderPadding=4 if back else 0,
        spaceBefore=before + (4 if back else 0),
        spaceAfter=after + (4 if back else 0),
        keepWithNext=next_too,
    )
