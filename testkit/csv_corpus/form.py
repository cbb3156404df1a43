"""Line breaks, quotes, lengths of rows, and encodings."""

from __future__ import annotations

from collections.abc import Sequence

from shared.imports.header import HEAD_BYTES
from testkit.csv_corpus.entry import (
    CATEGORIES_HEADER,
    PRODUCTS_HEADER,
    Entry,
    line,
    lines,
    loaded,
    partly,
    products,
    refused,
    unreadable,
)

_TWO = PRODUCTS_HEADER + lines(2)
_BOTH: dict[str | int, dict[str, object]] = {"B000000001": {"title": "Lamp"}, "B000000002": {"title": "Lamp"}}
_MEGABYTE = 1024 * 1024


def _two(name: str, content: str) -> Entry:
    return Entry(name, content.encode(), "succeeded", loaded(2), kept=_BOTH)


def _latin_1_at_the_end() -> bytes:
    """The fault comes after the first 64 KiB."""
    rows = PRODUCTS_HEADER + lines(HEAD_BYTES // 50)
    assert len(rows) > HEAD_BYTES
    return rows.encode() + line("B900000001", title="Tisch für draußen").encode("latin-1")


def _long_title() -> bytes:
    return (PRODUCTS_HEADER + line() + line("B000000002", title='"' + "x" * 10 * _MEGABYTE + '"')).encode()


def _long_extra_column() -> bytes:
    rows = [line(f"B00000000{number}").rstrip("\n") for number in (1, 2)]
    header = PRODUCTS_HEADER.rstrip("\n")
    return f"{header},description\n{rows[0]},{'x' * 10 * _MEGABYTE}\n{rows[1]},short\n".encode()


def _character_across_the_first_64_kib() -> bytes:
    """100 rows; what is looked at when the file lands ends between the two bytes of a character."""
    rows = "".join(line(f"B{number:09}", title="é" * 400) for number in range(2, 101))
    for first in ("x", "xx"):
        content = (PRODUCTS_HEADER + line("B000000001", title=first) + rows).encode()
        if content[HEAD_BYTES] == "é".encode()[1]:
            return content
    raise AssertionError("the edge lies between two rows")


FORM: Sequence[Entry] = (
    _two("lines end with LF", _TWO),
    _two("lines end with CRLF", _TWO.replace("\n", "\r\n")),
    _two("lines end with CR", _TWO.replace("\n", "\r")),
    _two("lines end in all three ways", _TWO.replace("\n", "\r\n", 1).replace("50\n", "50\r", 1)),
    _two("the last line has no end", _TWO.rstrip("\n")),
    _two(
        "blank lines before the header, between rows and at the end", "\r\n\n" + _TWO.replace("\n", "\n\n\r\n") + "\n"
    ),
    _two("a BOM", "\ufeff" + _TWO),
    _two("a BOM in front of a quoted header", "\ufeff" + _TWO.replace("asin,", '"asin",', 1)),
    _two("every field in quotes", "".join(f'"{row.replace(",", '","')}"\n' for row in _TWO.splitlines())),
    products("a comma in a field", line(title='"Lamp, red"'), "Lamp, red"),
    products("a line break in a field", line(title='"Lamp\nred"'), "Lamp\nred"),
    products("a CRLF in a field", line(title='"Lamp\r\nred"'), "Lamp\r\nred"),
    products("many line breaks and commas in a field", line(title='"' + "a,\n" * 200 + 'b"'), "a,\n" * 200 + "b"),
    products("a doubled quote in a field", line(title='"The ""best"" lamp"'), 'The "best" lamp'),
    products("a field of quotes alone", line(title='""""""'), '""'),
    products("a backslash at the end of a quoted field", line(title=r'"C:\"'), "C:\\"),
    products("a backslash before a doubled quote", line(title=r'"5\"" disk"'), '5\\" disk'),
    products("backslashes in a plain field", line(title=r"a\n\t\\b"), r"a\n\t\\b"),
    products("a quote in a plain field", line(title='5" disk'), '5" disk'),
    products("text behind a closing quote", line(title='"Lamp"s'), "Lamps"),
    products("spaces around a title", line(title="  Lamp "), "  Lamp "),
    products("line separators of Unicode in a title", line(title="a\u2028b\x85c\x0bd\x0ce"), "a\u2028b\x85c\x0bd\x0ce"),
    products("emoji, accents and scripts in a title", line(title="💡 Möbel é 灯 مصباح"), "💡 Möbel é 灯 مصباح"),
    unreadable("a quote that is never closed, in the last row", (_TWO + line("B000000003", title='"Lamp')).encode()),
    unreadable(
        "a quote that is never closed, in the first row", (PRODUCTS_HEADER + line(title='"Lamp') + lines(9, 2)).encode()
    ),
    unreadable("the last byte is an opening quote", (_TWO + 'B000000003,"').encode()),
    unreadable("a quote that is never closed, far behind", (_TWO + lines(9_000, 3) + '"').encode),
    Entry(
        "too few columns",
        (_TWO + "B000000003,Lamp,,,4.5,12,19.99\n").encode(),
        "succeeded",
        partly(2, 1),
        reasons=["category_id: empty"],
        kept=_BOTH,
    ),
    Entry(
        "too many columns",
        (_TWO + line("B000000003").replace("\n", ",more\n")).encode(),
        "succeeded",
        partly(2, 1),
        reasons=["too many columns: expected 11"],
        kept=_BOTH,
    ),
    Entry(
        "a comma that nobody put in quotes moves the fields",
        (_TWO + line("B000000003", title="Lamp, red")).encode(),
        "succeeded",
        partly(2, 1),
        reasons=["too many columns: expected 11"],
        kept=_BOTH,
    ),
    Entry(
        "a line of spaces",
        (_TWO + "   \n").encode(),
        "succeeded",
        partly(2, 1),
        reasons=['asin: not 10 characters of A-Z and 0-9: "   "'],
        kept=_BOTH,
    ),
    Entry(
        "the header once more, between the rows",
        (PRODUCTS_HEADER + line() + PRODUCTS_HEADER + line("B000000002")).encode(),
        "succeeded",
        partly(2, 1),
        reasons=['asin: not 10 characters of A-Z and 0-9: "asin"'],
        kept=_BOTH,
    ),
    Entry(
        "a NUL in a title",
        (_TWO + line("B000000003", title="La\0mp")).encode(),
        "succeeded",
        partly(2, 1),
        reasons=["title: contains a NUL character"],
        kept=_BOTH,
    ),
    Entry(
        "NULs at the end, as a crash leaves them",
        _TWO.encode() + bytes(512),
        "succeeded",
        partly(2, 1),
        reasons=['asin: not 10 characters of A-Z and 0-9: "' + "\0" * 60 + '…"'],
        kept=_BOTH,
    ),
    Entry(
        "a title of 10 MB",
        _long_title,
        "succeeded",
        partly(1, 1),
        reasons=["title: longer than 1,000 characters"],
        kept={"B000000001": {}},
    ),
    Entry("10 MB in a column that isn't ours", _long_extra_column, "succeeded", loaded(2), kept=_BOTH),
    refused(
        "Latin-1",
        (_TWO + line("B000000003", title="Möbel")).encode("latin-1"),
        "bytes that are not UTF-8 (0xf6 at byte",
    ),
    unreadable("Latin-1 far behind", _latin_1_at_the_end),
    Entry(
        "a character across the edge of the first 64 KiB",
        _character_across_the_first_64_kib,
        "succeeded",
        loaded(100),
        kept={f"B{number:09}": {} for number in range(1, 101)},
    ),
    refused("UTF-16", _TWO.encode("utf-16"), "UTF-16"),
    refused("UTF-16 without a BOM", _TWO.encode("utf-16-le"), "binary data (a NUL character in the header"),
    refused("UTF-32", _TWO.encode("utf-32"), "UTF-32"),
    Entry(
        "categories with CRLF, quotes and blank lines",
        (CATEGORIES_HEADER + '1,"Toys, Games"\n\n2,"The ""best"""\n3,Möbel\n').replace("\n", "\r\n").encode(),
        "succeeded",
        loaded(3),
        kept={1: {"name": "Toys, Games"}, 2: {"name": 'The "best"'}, 3: {"name": "Möbel"}},
    ),
)
