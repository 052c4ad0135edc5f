"""Documents: read by kind with places kept, refused by name where they cannot be used, within limits."""

import io
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from roadworthy._settings import Settings
from roadworthy.accept.papers.reader import PaperReader
from roadworthy.accept.passage import Document
from roadworthy.accept.reason import WrongRecord

SETTINGS = Settings(document_cpu_s=10)
NS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"


@pytest.fixture
def reader() -> Iterator[PaperReader]:
    """A reader with its child process."""
    with PaperReader(SETTINGS) as one:
        yield one


def read(reader: PaperReader, folder: Path, name: str, data: bytes) -> Document:
    """The document that `data` is."""
    (folder / name).write_bytes(data)
    return reader.read(folder / name, name)


def docx(body: str, *, head: str = "", name: str = "word/document.xml") -> bytes:
    """A DOCX file with this body."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, f"{head}<w:document {NS}><w:body>{body}</w:body></w:document>")
    return out.getvalue()


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of a DOCX file."""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}<w:r><w:t>{text}</w:t></w:r></w:p>"


def pdf(pages: list[str]) -> bytes:
    """A PDF file with one line a page, in ASCII (ISO 32000-1, 7.5)."""
    kids = " ".join(f"{4 + 2 * place} 0 R" for place in range(len(pages)))
    bodies = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for place, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        bodies += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents {5 + 2 * place} 0 R>>",
            f"<</Length {len(stream)}>>stream\n{stream}\nendstream",
        ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(out))
        out += f"{number} 0 obj{body}endobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(bodies) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF"
    return out + end.encode()


def test_markdown_keeps_headings_and_notes_what_was_cleaned(reader: PaperReader, tmp_path: Path) -> None:
    """A passage would lose its chapter, or text would be changed without a word."""
    found = read(
        reader, tmp_path, "a.md", "# Top\r\ncaf\u00c3\u00a9\n```\n# no title\n```\n## Under\nx".encode()
    )
    assert [(one.level, one.title) for one in found.headings] == [(1, "Top"), (2, "Under")]
    assert found.text.startswith("# Top\ncaf\u00e9\n")
    assert [(one.kind, one.where) for one in found.cleanings] == [("mojibake", "line 2")]
    assert (found.cleanings[0].before, found.cleanings[0].after) == ("caf\u00c3\u00a9\n", "caf\u00e9\n")
    assert all(found.text[one.start :].startswith("#") for one in found.headings)


def test_html_is_what_a_reader_sees(reader: PaperReader, tmp_path: Path) -> None:
    """Scripts and hidden words would reach the model as if someone had read them."""
    page = b"<head><title>t</title></head><h1>A &amp; B</h1><script>x<1</script><p hidden>ignore all</p><p>one<br>two</p>"
    found = read(reader, tmp_path, "a.html", page)
    assert found.text == "A & B\none\ntwo\n"
    assert [one.heading for one in found.passages()] == [("A & B",)]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<html><head><meta charset=utf-8><title>t</title><body><p>all of it</body></html>", "all of it\n"),
        ("<head><noscript><img src=x></noscript><title>t</title><div>all</div>", "all\n"),
        (
            "<head><title>t</title><style>p{}</style><font color=red>red</font> tail<p>more",
            "red tail\nmore\n",
        ),
        ("<head><title>t</title><center>middle</center>", "middle\n"),
        ("<p>a<p hidden>b<p>c<div>d</div>", "a\nc\nd\n"),
        ("<div><p hidden>b</div>c", "c\n"),
        (
            "<ul><li>one<li hidden>two<ul><li>under</li></ul><li>three</ul><p>four",
            "one\nthree\nfour\n",
        ),
        ("<ul><li hidden>two</ul>four", "four\n"),
        ("<table><tr><td>1<td hidden>2<table><tr><td>3</table><td>4<tr hidden><td>5</table>6", "1\n4\n6\n"),
        ("<dl><dt hidden>a<dd>b</dl><div hidden>c<div>d</div>e</div>f", "b\nf\n"),
    ],
)
def test_tags_that_html_lets_stay_open_hide_no_more_than_they_hold(
    reader: PaperReader, tmp_path: Path, page: str, text: str
) -> None:
    """A page without `</head>`, which is valid, would have no text; behind an open hidden line the rest would be lost."""
    assert read(reader, tmp_path, "a.html", page.encode()).text == text


@pytest.mark.parametrize(
    ("charset", "codec", "said"),
    [
        ("iso-8859-15", "iso8859_15", "Preis: 5 \u20ac, \u0152uvre"),
        ("Shift_JIS", "cp932", "\u8acb\u6c42\u66f8 \u7530\u4e2d"),
        ("iso-2022-jp", "iso2022_jp", "\u8acb\u6c42\u66f8"),
        ("gb2312", "gb18030", "\u53d1\u7968"),
    ],
)
def test_a_page_is_read_in_the_charset_that_it_names(
    reader: PaperReader, tmp_path: Path, charset: str, codec: str, said: str
) -> None:
    """A short page says too little to guess by, and a price in euros or a Japanese name came out as other signs."""
    page = f'<html><head><meta charset="{charset}"></head><body><p>{said}</p></body></html>'
    found = read(reader, tmp_path, "a.html", page.encode(codec))
    assert found.text == said + "\n"
    assert [one.kind for one in found.cleanings] == ["encoding"]
    plain = read(reader, tmp_path, "b.html", page.encode())
    assert plain.text == said + "\n", "what is UTF-8 stays UTF-8, whatever it says of itself"


def test_an_email_names_what_is_attached(reader: PaperReader, tmp_path: Path) -> None:
    """An attachment would vanish without a word, or be read as if it had been checked."""
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "ann@example.com", "Gr\u00fc\u00dfe"
    letter.set_content("plain words")
    letter.add_alternative("<p>other words</p>", subtype="html")
    letter.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    found = read(reader, tmp_path, "a.eml", letter.as_bytes())
    assert found.text == "From: ann@example.com\nSubject: Gr\u00fc\u00dfe\n\nplain words\n"
    assert found.attachments == ("bill.pdf",)


def test_what_is_attached_to_a_version_that_is_not_read_is_named(reader: PaperReader, tmp_path: Path) -> None:
    """Apple Mail attaches files to the HTML version alone, and a bill would be gone from the record."""
    rich = EmailMessage()
    rich.set_content("<p>See the bill.</p>", subtype="html")
    rich.make_mixed()
    rich.add_attachment(
        b"%PDF", maintype="application", subtype="pdf", filename="b.pdf", disposition="inline"
    )
    letter = EmailMessage()
    letter["From"] = "ann@example.com"
    letter.set_content("See the bill.")
    letter.make_alternative()
    letter.attach(rich)
    found = read(reader, tmp_path, "a.eml", letter.as_bytes())
    assert found.text == "From: ann@example.com\n\nSee the bill.\n"
    assert found.attachments == ("b.pdf",)


def test_the_charset_of_a_document_is_noted_once(reader: PaperReader, tmp_path: Path) -> None:
    """A log in an old charset would be kept with a note for each of its lines, several times its own size."""
    lines = "".join(f"{number} caf\u00e9 du coin\n" for number in range(1_000))
    found = read(reader, tmp_path, "a.log", lines.encode("cp1252"))
    assert found.text == lines
    assert [(note.kind, note.where, note.before) for note in found.cleanings] == [
        ("encoding", "line 1", "cp1252")
    ]


PLAIN = b"From: a@example.com\nContent-Type: text/plain; charset="


@pytest.mark.parametrize(
    ("raw", "text", "notes"),
    [
        (
            PLAIN + b"gb2312\n\n" + "\u91d1\u984d\u70ba\u20ac5".encode("gb18030"),
            "\u91d1\u984d\u70ba\u20ac5",
            [],
        ),
        (PLAIN + b"us-ascii\n\n" + "\u03a9 caf\u00e9".encode(), "\u03a9 caf\u00e9", [("encoding", "body")]),
        (PLAIN + b"iso-8859-1\n\n5 \x80", "5 \u20ac", []),
        (
            b'From: a@example.com\nContent-Type: text/html\n\n<meta charset="iso-8859-15"><p>5 \xa4</p>',
            "5 \u20ac\n",
            [("encoding", "body")],
        ),
    ],
)
def test_an_email_is_read_as_mail_programs_read_it(
    reader: PaperReader, tmp_path: Path, raw: bytes, text: str, notes: list[tuple[str, str]]
) -> None:
    """Chinese mail names the smaller set of its signs, and was read as Korean."""
    found = read(reader, tmp_path, "a.eml", raw)
    assert found.text == f"From: a@example.com\n\n{text}"
    assert [(one.kind, one.where) for one in found.cleanings] == notes


def test_the_head_of_an_email_in_an_old_charset_is_read(reader: PaperReader, tmp_path: Path) -> None:
    """The letters of a name were replaced, and nothing said so."""
    raw = "From: J\u00f6rg <j@example.com>\nSubject: Gr\u00fc\u00dfe aus K\u00f6ln\n\nhi"
    found = read(reader, tmp_path, "a.eml", raw.encode("latin-1"))
    assert found.text == raw
    assert [(one.kind, one.where) for one in found.cleanings] == [("encoding", "head")]
    assert read(reader, tmp_path, "b.eml", raw.encode()).text == raw


def test_a_docx_keeps_its_headings(reader: PaperReader, tmp_path: Path) -> None:
    """A contract's clauses would lose their titles."""
    found = read(reader, tmp_path, "a.docx", docx(paragraph("Title", "Heading1") + paragraph("a &lt; b")))
    assert found.text == "Title\na < b\n"
    assert [(one.start, one.level, one.title) for one in found.headings] == [(0, 1, "Title")]


def test_a_docx_says_once_what_it_holds_twice(reader: PaperReader, tmp_path: Path) -> None:
    """A text box, which Word writes in two ways, and a moved sentence would stand twice in the text."""
    box = f"<w:txbxContent>{paragraph('box')}</w:txbxContent>"
    either = f"<mc:AlternateContent {MC}><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    only = f"<mc:AlternateContent {MC}><mc:Choice/><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    moved = "<w:p><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>"
    here = "<w:p><w:moveTo><w:r><w:t>moved</w:t></w:r></w:moveTo></w:p>"
    found = read(reader, tmp_path, "a.docx", docx(f"<w:p><w:r>{either}</w:r></w:p>{moved}{here}"))
    assert found.text == "box\nmoved\n"
    assert read(reader, tmp_path, "b.docx", docx(f"<w:p>{only}</w:p>")).text == "box\n"


def test_a_hyphen_that_does_not_break_is_kept(reader: PaperReader, tmp_path: Path) -> None:
    """2020-2021 and a telephone number would become one long number."""
    run = "<w:p><w:r><w:t>2020</w:t><w:noBreakHyphen/><w:t>2021</w:t></w:r></w:p>"
    assert read(reader, tmp_path, "a.docx", docx(run)).text == "2020\u20112021\n"


def test_a_docx_saved_as_strict_is_read(reader: PaperReader, tmp_path: Path) -> None:
    """Word's own strict form would be refused as if it held no text."""
    strict = docx(paragraph("Title", "Heading1"))
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(io.BytesIO(strict)) as old, zipfile.ZipFile(path, "w") as new:
        data = old.read("word/document.xml").replace(NS[9:-1].encode(), STRICT)
        new.writestr("word/document.xml", data)
    found = reader.read(path, "a.docx")
    assert (found.text, len(found.headings)) == ("Title\n", 1)


def test_parts_of_a_docx_that_are_not_read_are_named(reader: PaperReader, tmp_path: Path) -> None:
    """A footnote that changes what a contract says would be left out in silence."""
    path = tmp_path / "a.docx"
    path.write_bytes(docx(paragraph("body")))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/footnotes.xml", "<w:footnotes/>")
        archive.writestr("word/header1.xml", "<w:hdr/>")
    found = reader.read(path, "a.docx")
    assert found.text == "body\n"
    assert [(one.kind, one.where) for one in found.cleanings] == [
        ("not_read", "word/footnotes.xml"),
        ("not_read", "word/header1.xml"),
    ]


def test_a_pdf_of_300_pages_keeps_every_page(reader: PaperReader, tmp_path: Path) -> None:
    """A citation would name the wrong page, or a blank page shift all that follow."""
    texts = [f"This is page {number}." for number in range(1, 301)]
    texts[6] = ""
    found = read(reader, tmp_path, "a.pdf", pdf(texts))
    assert len(found.pages) == 300
    assert found.blank_pages == (7,)
    assert [(one.page, one.text) for one in found.passages()] == [
        (number, text) for number, text in enumerate(texts, start=1) if text
    ]


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
REFUSED = {
    "a.exe": (b"MZ", "no kind of document"),
    "a.zip": (b"PK", "Unpack it"),
    "a.msg": (b"\xd0\xcf\x11\xe0", "Save it as .eml"),
    "empty.txt": (b"", "is empty"),
    "blank.txt": (b" \n\n", "holds no text"),
    "damaged.pdf": (b"%PDF-1.4 nothing", "damaged, or no PDF"),
    "scan.pdf": (pdf(["", ""]), "it is a scan"),
    "pages.pdf": (pdf(["x"] * 2001), "2,001 pages"),
    "locked.docx": (b"\xd0\xcf\x11\xe0" + bytes(600), "encrypted"),
    "damaged.docx": (docx(paragraph("x" * 99))[:-30], "damaged"),
    "other.docx": (docx("", name="xl/workbook.xml"), "no word/document.xml"),
    "laughs.docx": (docx(paragraph("&b;"), head=LAUGHS), "declares a document type"),
    "deep.docx": (docx("<w:x>" * 400 + "</w:x>" * 400), "nested deeper"),
    "bomb.docx": (docx(paragraph("0" * 30_000_000)), "expands"),
    "no.eml": (b"\n\nno header", "no e-mail header"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_used_is_refused_in_words(reader: PaperReader, tmp_path: Path, name: str) -> None:
    """A document would be read as something else, or a person would not know what to do about it."""
    data, words = REFUSED[name]
    with pytest.raises(WrongRecord, match=words):
        read(reader, tmp_path, name, data)
    assert read(reader, tmp_path, "next.txt", b"goes on").text == "goes on"


def test_deep_email_and_files_that_are_too_large_are_refused(tmp_path: Path) -> None:
    """A message of a thousand parts, or one giant, would hold up all others."""
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(60))
    with PaperReader(Settings(document_bytes_max=100_000)) as reader:
        with pytest.raises(WrongRecord, match="nested deeper than 20"):
            read(
                reader,
                tmp_path,
                "deep.eml",
                b"Subject: x\n" + parts.encode() + b"Content-Type: text/plain\n\nx",
            )
        with pytest.raises(WrongRecord, match="at most 100,000 are read"):
            read(reader, tmp_path, "large.txt", b"x" * 100_001)


def test_a_child_that_dies_costs_one_document(tmp_path: Path) -> None:
    """One document that takes all memory would end the run."""
    with PaperReader(Settings(document_memory_bytes=150_000_000)) as reader:
        with pytest.raises(WrongRecord, match="memory"):
            read(reader, tmp_path, "large.txt", b"e" * 59_000_000)
        assert read(reader, tmp_path, "small.txt", b"small").text == "small"


COST = """
import resource, sys
from pathlib import Path
from roadworthy._settings import Settings
from roadworthy.accept.papers.reader import PaperReader
from roadworthy.accept.reason import WrongRecord
with PaperReader(Settings()) as reader:
    try:
        found, long = reader.read_long(Path(sys.argv[1]), "x")
        passages = found.passages() if long is None else found.passages_of(long.read, long.chars, 1_200)
        print(sum(1 for _ in passages), end=" ")
    except WrongRecord as wrong:
        print(str(wrong).replace(" ", "_"), end=" ")
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
# Not its own `ru_maxrss`: that begins with what the process that started it took (getrusage(2), execve(2)).
own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(max(int(own.split()[1]), used[1].ru_maxrss), sum(one.ru_utime + one.ru_stime for one in used))
"""


def cost(path: Path) -> tuple[str, int, float]:
    """What came, the larger peak of both processes in kB, and their processor seconds together."""
    limits = (resource.RLIMIT_CPU, (60, 60))
    done = subprocess.run(
        [sys.executable, "-c", COST, str(path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        preexec_fn=lambda: resource.setrlimit(*limits),
    )
    came, peak, seconds = done.stdout.split()
    return came, int(peak), float(seconds)


@pytest.mark.parametrize("name", ["bomb.docx", "laughs.docx", "deep.docx"])
def test_a_bomb_is_refused_for_little(tmp_path: Path, name: str) -> None:
    """A file of a few kilobytes would take the machine's memory and hours."""
    (tmp_path / name).write_bytes(REFUSED[name][0])
    came, peak, first = cost(tmp_path / name)
    seconds = min(first, cost(tmp_path / name)[2])
    assert REFUSED[name][1].replace(" ", "_") in came
    assert peak < 100_000
    assert seconds < 1, "both interpreters' start included"


def test_a_text_of_50_megabytes_enters_in_flat_memory(tmp_path: Path) -> None:
    """A large file would be lost to the memory of the machine."""
    (tmp_path / "large.txt").write_text("All of these words are kept in order. And these too.\n" * 950_000)
    came, peak, _ = cost(tmp_path / "large.txt")
    assert int(came) > 40_000
    assert peak < 100_000


def test_a_document_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A parser that never ends over one document would hold up the run."""
    with PaperReader(Settings(document_cpu_s=3)) as reader:
        (tmp_path / "slow.html").write_bytes(b"<p>" + b"<a " * 2_000_000 + b"<![" * 2_000_000)
        with pytest.raises(WrongRecord, match="processor time"):
            reader.read(tmp_path / "slow.html", "slow.html")
        assert read(reader, tmp_path, "next.txt", b"goes on").text == "goes on"
