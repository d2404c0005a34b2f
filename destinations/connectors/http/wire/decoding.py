"""The text of an answer: content codings and character sets, as far as the standard library goes."""

from __future__ import annotations

import codecs
import re
import zlib
from functools import lru_cache

MOST_CODINGS = 2  # one in the other
MOST_MEMBERS = 10  # of a gzip file
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15  # window bits

_LONGEST_TYPE = 200  # characters
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]+)", re.I)
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,100}\bencoding=[\"']?([\w.:-]+)|<meta[^>]{0,200}\bcharset=[\"']?([\w.:-]+)", re.I
)
# What servers may name: other codecs of Python are no character sets, or slow, and names that it does not
# know it never forgets.
_KNOWN = re.compile(
    r"utf-?8|utf-?(16|32)([lb]e)?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?(125\d|874|31j)|cp(125\d|866|437)"
    r"|koi8-[ru]|macintosh|gb(2312|k|18030)|big5(-?hkscs)?|euc-?(jp|kr)|shift[_-]?jis|sjis|iso-2022-(jp|kr)|tis-620"
)
_AS_BROWSERS_DO = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_SAMPLE = 1000  # characters
_CODING_NAME = re.compile(r"[\w.-]{1,20}", re.ASCII)


def unpacked(content: bytes, codings: str, most: int) -> tuple[bytes, bool, str]:
    """The content without its Content-Encoding; whether it is whole, and the coding that could not be undone.

    Never more than `most` bytes, whatever a little that was compressed would become. What only claims to be
    compressed is given back as it is.
    """
    names = [
        name for name in (part.strip().lower() for part in codings.split(",")) if name not in ("", "identity")
    ]
    is_whole = True
    for position, name in enumerate(reversed(names)):
        if name not in ("gzip", "x-gzip", "deflate") or position == MOST_CODINGS:
            return content, is_whole, name if _CODING_NAME.fullmatch(name) else "?"
        found, ended = _inflated(content, most, _GZIP_OR_ZLIB)
        if name == "deflate" and not found:  # many send it without the frame that belongs to it
            found, ended = _inflated(content, most, _RAW_DEFLATE)
            found = found if ended else b""
        if found or ended:
            content, is_whole = found, is_whole and ended
    return content, is_whole, ""


def _inflated(content: bytes, most: int, window: int) -> tuple[bytes, bool]:
    found = b""
    for _ in range(MOST_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            found += unpacker.decompress(content, most - len(found))
        except zlib.error:
            return found, False
        content = unpacker.unused_data
        if not unpacker.eof or len(found) >= most or not content:
            return found, unpacker.eof and not content
    return found, False


def text(content: bytes, content_type: str) -> str:
    """The content as text: in the character set of its type, of its first bytes, or of its own words.

    Otherwise UTF-8, and where it is not that, what browsers take it for. Blank when it is no text at all.
    """
    found = content.decode(_charset(content_type[:_LONGEST_TYPE]) or _of_content(content), "replace").lstrip(
        "\ufeff"
    )
    sample = found[:_SAMPLE]
    return "" if 20 * len(_UNPRINTABLE.findall(sample)) > len(sample) else found


@lru_cache(maxsize=100)
def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    return _codec(found[1]) if found else ""


def _codec(name: str) -> str:
    """Python's name of a character set; "" when it is not known."""
    if not _KNOWN.fullmatch(name.lower()):
        return ""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return ""
    return _AS_BROWSERS_DO.get(found, found)


def _of_content(content: bytes) -> str:
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name
    declared = _DECLARED.search(content[:1024])
    if declared and (name := _codec((declared[1] or declared[2]).decode())):
        return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)  # it may have been cut within a character
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
