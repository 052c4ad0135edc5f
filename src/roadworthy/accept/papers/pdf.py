"""PDF: the text of each page, with PDFium (extra `docs`)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.papers.draft import Draft
from roadworthy.accept.reason import WrongRecord

_HYPHENS = ("\x02\r\n", "\ufffe\r\n", "\x02", "\ufffe")


def read_pdf(path: Path, draft: Draft, settings: Settings) -> None:
    """The text of every page. PDFium marks a word that a line break divides; the halves are joined and that is noted.

    Raises:
        WrongRecord: encrypted, damaged, too many pages, or no text on any page (a scan).
        WrongUse: the extra is not installed.
    """
    try:
        import pypdfium2  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WrongUse("Reading PDF needs the extra `docs`: pip install 'roadworthy[docs]'.") from error
    try:
        pdf = pypdfium2.PdfDocument(str(path))
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise WrongRecord("it is encrypted", "Save it without a password.") from error
        raise WrongRecord(f"it is damaged, or no PDF: {error}", "Save or print it as PDF again.") from error
    try:
        count = len(pdf)
        if count > settings.document_pages_max:
            raise WrongRecord(
                f"it has {count:,} pages and at most {settings.document_pages_max:,} are read",
                "Split it, or raise the setting document_pages_max.",
            )
        written = [_read_page(pdf, number, draft, settings) for number in range(count)]
    finally:
        pdf.close()
    if not any(written) and not draft.scans:
        raise WrongRecord(
            f"none of its {count} pages holds text: it is a scan",
            "Run it through text recognition first, or raise the setting document_scans_max.",
        )


def _read_page(pdf: object, number: int, draft: Draft, settings: Settings) -> bool:
    import pypdfium2  # noqa: PLC0415 - an extra

    assert isinstance(pdf, pypdfium2.PdfDocument)
    draft.page()
    where = f"page {number + 1}"
    try:
        page = pdf[number]
        side = page.get_textpage()
        text = str(side.get_text_range())
        side.close()
        scan = (
            None if text.strip() or draft.scans >= settings.document_scans_max else _rendered(page, settings)
        )
        page.close()
    except pypdfium2.PdfiumError as error:
        raise WrongRecord(f"{where} is damaged: {error}", "Save or print it as PDF again.") from error
    joined = text
    for mark in _HYPHENS:
        joined = joined.replace(mark, "")
    if joined != text:
        at = min(place for mark in _HYPHENS if (place := text.find(mark)) >= 0)
        before = text[max(0, at - 20) : at + 20].replace("\x02", "\\x02").replace("\ufffe", "\\ufffe")
        draft.note("hyphen", where, before, "joined")
    text = joined.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        draft.blank_page()
        if scan is not None:
            draft.scan(scan)
        return False
    draft.add(text + "\n\n", where)
    return True


def _rendered(page: Any, settings: Settings) -> bytes:
    """A page as a grey PNG; its longer side has `document_scan_side` pixels."""
    scale = settings.document_scan_side / max(1.0, *page.get_size())
    bitmap = page.render(scale=scale, grayscale=True)
    raw, stride = bytes(bitmap.buffer), int(bitmap.stride)
    rows = (raw[line * stride : line * stride + bitmap.width] for line in range(bitmap.height))
    return grey_png(int(bitmap.width), rows)


def grey_png(width: int, rows: Iterable[bytes]) -> bytes:
    """Rows of one byte a pixel as a PNG file (PNG specification, 5.3 and 11.2)."""
    lines = [b"\0" + row for row in rows]
    head = struct.pack(">IIBBBBB", width, len(lines), 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(lines))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
