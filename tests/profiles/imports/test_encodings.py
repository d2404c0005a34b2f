"""Encodings, told by the bytes or said."""

import io

import pytest

from profiles.imports import encodings
from profiles.imports.encodings import Evidence

GERMAN = "id;Name;Ort\r\n1;Jörg Müller;Köln\r\n2;Zoë Weiß;Würzburg\r\n"
RUSSIAN = "id;имя;город\r\n1;Александр Сергеевич;Москва\r\n2;Анна;Санкт-Петербург\r\n"
CHINESE = (
    "id,姓名,城市,地址\r\n1,王小明,北京市,海淀区中关村大街一号\r\n2,李华,上海市,浦东新区世纪大道二号\r\n"
)
POLISH = "id;imię;miasto\r\n1;Łukasz;Łódź\r\n2;Żaneta;Święta\r\n"


def told(data, size=7):
    evidence = Evidence()
    for at in range(0, len(data), size):
        evidence.add(data[at : at + size])
    return evidence.encoding


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "cp1252"),
        (GERMAN, "cp850"),
        (GERMAN, "mac-roman"),
        ("id;Name\n1;Müller\n", "cp1252"),
        ("id;Name\n1;Müller\n", "cp850"),
        ("id;Name\n1;Jörg\n2;Käthe\n", "mac-roman"),  # in another one letters, too: JÜrg, Kèthe
        ("id;Preis\n1;5 €\n", "cp1252"),
        (POLISH, "cp1250"),
        ("id,name\n1,Renée\n2,\u201cZed\u201d\n", "cp1252"),
    ],
)
def test_the_bytes_tell(text, encoding):
    assert told(text.encode(encoding), 7) == encoding
    assert told(text.encode(encoding), 100_000) == encoding


def test_plain_ascii_is_utf8():
    assert told(b"id,name\n1,Ann\n") == "utf-8"


def test_the_first_umlaut_may_come_late():
    assert told(b"1;Ann\n" * 50_000 + "2;Jörg\n".encode("cp1252"), 65_536) == "cp1252"


def test_a_broken_line_does_not_make_another_encoding_of_utf8():
    assert told(GERMAN.encode() * 3 + b"3;\xff;x\n") == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, CHINESE], ids=["german", "russian", "chinese"])
def test_utf16_with_and_without_its_mark(text, encoding):
    data = text.encode(encoding)
    stream, known = encodings.plain(io.BytesIO(data), data[:100])
    assert known == "utf-16"
    assert stream.read().decode().removeprefix("\ufeff") == text


def test_a_few_null_bytes_make_no_utf16():
    for data in (GERMAN.encode().replace("Köln".encode(), b"K\0ln"), b"id;n\n1;\0\n2;\0x\n\0\n"):
        assert encodings.sixteen(data) == encodings.sixteen(b"x" + data) == ""


def test_what_is_no_utf16_makes_its_line_unreadable():
    data = "id;n\n1;".encode("utf-16-le") + b"\x00\xd8" + "\n2;x\n".encode("utf-16-le") + b"x"
    stream, _known = encodings.plain(io.BytesIO(data), data)
    first, second, third, rest = stream.read().split(b"\n")
    assert (first, third) == (b"id;n", b"2;x")
    for broken in (second, rest):
        with pytest.raises(UnicodeDecodeError):
            broken.decode()


def test_old_macs_end_lines_with_carriage_returns():
    stream, known = encodings.plain(io.BytesIO(b"id;n\r1;x\r"), b"id;n\r1;x\r")
    assert (stream.read(), known) == (b"id;n\n1;x\n", "")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UTF8", "utf-8"),
        ("latin1", "cp1252"),
        ("windows-1252", "cp1252"),
        ("utf-16-le", "utf-16"),
        ("macroman", "mac-roman"),
    ],
)
def test_names_of_encodings(name, known):
    assert encodings.known(name) == known


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "utf-7", "idna", ""])
def test_what_is_no_encoding_of_tables(name):
    with pytest.raises(ValueError, match="is no encoding"):
        encodings.known(name)
