"""PDF: the text of each page, with PDFium (extra `docs`)."""

from __future__ import annotations

from pathlib import Path

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
        written = [_read_page(pdf, number, draft) for number in range(count)]
    finally:
        pdf.close()
    if not any(written):
        raise WrongRecord(
            f"none of its {count} pages holds text: it is a scan", "Run it through text recognition first."
        )


def _read_page(pdf: object, number: int, draft: Draft) -> bool:
    import pypdfium2  # noqa: PLC0415 - an extra

    assert isinstance(pdf, pypdfium2.PdfDocument)
    draft.page()
    where = f"page {number + 1}"
    try:
        page = pdf[number]
        side = page.get_textpage()
        text = str(side.get_text_range())
        side.close()
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
        return False
    draft.add(text + "\n\n", where)
    return True
