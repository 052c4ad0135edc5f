# ruff: noqa: RUF001 - the unusual characters are what is tested
"""Decoding: UTF-8 first, one guess per input, nothing given up silently."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.accept.decode import Line, decode_lines, guess_charset
from roadworthy.accept.line import RawLine


def decoded(*raws: bytes) -> list[Line]:
    """The lines decoded, numbered from 1."""
    return list(decode_lines(RawLine(number, raw) for number, raw in enumerate(raws, start=1)))


def kinds(line: Line) -> list[str]:
    """What was done to the line."""
    return [cleaning.kind for cleaning in line.cleanings]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_utf8_comes_out_as_it_went_in(texts: list[str]) -> None:
    """A correct file would be changed, or a correct line would be said to have been repaired."""
    lines = decoded(*(text.encode() for text in ["", *texts]))
    assert [line.text for line in lines[1:]] == texts
    assert not any(line.cleanings for line in lines[1:])


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_become_text_and_no_replacement_is_silent(raws: list[bytes]) -> None:
    """Some bytes would stop the run, or a U+FFFD would stand in a record without a word."""
    for raw, line in zip(raws, decoded(*raws), strict=True):
        assert line.raw == raw
        line.text.encode()
        if "\ufffd" in line.text and "\ufffd".encode() not in raw:
            assert "undecodable" in kinds(line)


def test_a_byte_order_mark_is_dropped_and_recorded() -> None:
    """The mark that Excel writes would become part of the first field's name."""
    first, second = decoded(b'\xef\xbb\xbf{"id": 1}', b"\xef\xbb\xbfkept")
    assert first.text == '{"id": 1}'
    assert kinds(first) == ["bom"]
    assert second.text == "\ufeffkept"


def test_only_the_lines_that_are_not_utf8_are_decoded_otherwise() -> None:
    """One Latin-1 line would turn a whole UTF-8 file into mojibake."""
    good = '{"body": "Größe, 日本"}'.encode()
    bad = '{"body": "Größe fällt zu klein aus, schöne Grüße"}'.encode("cp1252")
    lines = decoded(good, bad, good)
    assert [line.text for line in lines] == [
        good.decode(),
        '{"body": "Größe fällt zu klein aus, schöne Grüße"}',
        good.decode(),
    ]
    assert [kinds(line) for line in lines] == [[], ["encoding"], []]
    assert lines[1].cleanings[0].before == "cp1252"


@pytest.mark.parametrize(
    ("charset", "texts"),
    [
        ("cp1252", ["Où est la gare ? Le café près de l’hôtel", "Größe fällt zu klein aus", "mañana, 30 €"]),
        ("cp1252", ["It’s broken – please refund £20"]),
        ("cp1252", ["Não consigo aceder à minha conta, já tentei várias vezes"]),
        ("cp1250", ["ponieważ przesyłka była uszkodzona", "Příliš žluťoučký kůň úpěl ďábelské ódy"]),
        ("cp1251", ["Здравствуйте, я не могу войти в свой аккаунт"]),
        ("koi8_r", ["Здравствуйте, я не могу войти в свой аккаунт"]),
        ("cp1253", ["Καλημέρα, πού είναι η παραγγελία μου;"]),
        ("cp932", ["パスワードを忘れました。再設定の方法を教えてください"]),
        ("euc_jp", ["パスワードを忘れました。再設定の方法を教えてください"]),
        ("gb18030", ["我的订单还没有到，请帮我查一下", "请问如何修改密码？谢谢"]),
        ("big5", ["我的訂單還沒有到，請幫我查一下", "請問如何修改密碼？謝謝"]),
        ("cp949", ["주문한 상품이 아직 도착하지 않았습니다"]),
        ("mac_roman", ["Où est la gare ? Le café près de l’hôtel, s’il vous plaît"]),
    ],
)
def test_old_charsets_are_recognised_from_tickets(charset: str, texts: list[str]) -> None:
    """An export of an older system would reach the model as gibberish."""
    lines = [json.dumps({"id": i, "body": text}, ensure_ascii=False) for i, text in enumerate(texts * 20)]
    assert [line.text for line in decoded(*(line.encode(charset) for line in lines))] == lines


def test_without_evidence_the_guess_is_cp1252() -> None:
    """A file with three accents would be read as Baltic or Icelandic."""
    assert guess_charset(b"na\xefve caf\xe9") == "cp1252"
    assert guess_charset(b"\x81\x8d\x8f") in {"cp1252", "cp932", "koi8_r", "cp1251", "mac_roman", "cp1256"}


def test_a_charset_named_in_the_data_is_data() -> None:
    """A record that names a charset in its text would choose how the file is read."""
    text = '<?xml encoding="koi8-r"?> Où est la gare ? Le café près de l’hôtel'
    assert decoded(text.encode("cp1252"))[0].text == text


def test_a_character_cut_in_the_middle_costs_that_character_alone() -> None:
    """A text that another system cut at a byte limit would be read as Latin-1 from its first character."""
    raw = '{"body": "再設定の方法'.encode()[:-1] + b'"}'
    (line,) = decoded(raw)
    assert line.text == '{"body": "再設定の方\ufffd"}'
    assert [(c.kind, c.before, c.after) for c in line.cleanings] == [("undecodable", "e6 b3", "\ufffd")]


def test_looking_ahead_loses_and_reorders_nothing() -> None:
    """Lines that were read ahead for the guess would be dropped or come out of order."""
    raws = [b"plain", b"caf\xe9", *(str(i).encode() * 1000 for i in range(2_000)), b"d\xe9j\xe0", b"end"]
    lines = decoded(*raws)
    assert [line.raw for line in lines] == raws
    assert [line.number for line in lines] == list(range(1, len(raws) + 1))
    assert lines[-2].text == "déjà"
