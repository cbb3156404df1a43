"""Headers, and files that are neither products nor categories."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence

from testkit.csv_corpus.entry import CATEGORIES_HEADER, PRODUCTS_HEADER, Entry, line, lines, loaded, partly, refused
from testkit.csv_files import CATEGORIES, PRODUCTS

_COLUMNS = PRODUCTS.split(",")
_KEPT = {"title": "Lamp", "price": 1999, "reviews": 12}


def _by_columns(columns: Sequence[str], **more: str) -> str:
    """A file with these columns and one row."""
    texts = dict(zip(_COLUMNS, line().rstrip("\n").split(","), strict=True)) | more
    return f"{','.join(columns)}\n{','.join(texts[column] for column in columns)}\n"


def _one(name: str, content: str) -> Entry:
    return Entry(name, content.encode(), "succeeded", loaded(1), kept={"B000000001": _KEPT})


def _xlsx() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


HEADERS: Sequence[Entry] = (
    _one("columns in another order", _by_columns([*reversed(_COLUMNS)])),
    _one(
        "a column of theirs in front, one between, one behind",
        _by_columns(["colour", *_COLUMNS[:5], "seller", *_COLUMNS[5:], "note"], colour="red", seller="Ada", note=""),
    ),
    _one("columns of theirs that have one name", _by_columns(["x", *_COLUMNS, "x"], x="1")),
    _one("columns without a name, as spreadsheets add them", PRODUCTS + ",,\n" + line().replace("\n", ",,\n")),
    Entry("only a header", PRODUCTS_HEADER.encode(), "succeeded", loaded(0)),
    Entry("only a header, without a line end", CATEGORIES.encode(), "succeeded", loaded(0)),
    Entry("only a header, with a BOM", b"\xef\xbb\xbf" + CATEGORIES_HEADER.encode(), "succeeded", loaded(0)),
    Entry("only a header and blank lines", CATEGORIES_HEADER.encode() + b"\r\n\r\n\n", "succeeded", loaded(0)),
    refused(
        "a header in capitals",
        (PRODUCTS.upper() + "\n" + line()).encode(),
        f'the header {PRODUCTS.upper()} (for products it lacks asin (it has "ASIN"), ',
    ),
    refused(
        "a mandatory name in another case",
        (PRODUCTS.replace("title", "Title") + "\n" + line()).encode(),
        f"the header {PRODUCTS.replace('title', 'Title')} (for products it lacks title "
        '(it has "Title"); names are matched exactly).',
    ),
    Entry(
        "an optional name in another case is an unknown column",
        (PRODUCTS.replace("isBestSeller", "isBestseller") + "\n" + line(isBestSeller="True")).encode(),
        "succeeded",
        loaded(1),
        kept={"B000000001": {**_KEPT, "is_best_seller": 0}},
    ),
    Entry(
        "only the mandatory columns",
        _by_columns(["asin", "title", "category_id"]).encode(),
        "succeeded",
        loaded(1),
        kept={"B000000001": {"title": "Lamp", "category_id": 7, "price": None, "stars": None, "reviews": 0}},
    ),
    Entry(
        "an optional column is missing",
        _by_columns([name for name in _COLUMNS if name != "price"]).encode(),
        "succeeded",
        loaded(1),
        kept={"B000000001": {"title": "Lamp", "price": None, "reviews": 12, "bought_in_last_month": 50}},
    ),
    Entry(
        "the mandatory columns of both kinds",
        _by_columns(["id", "category_name", "asin", "title", "category_id"], id="9", category_name="Toys").encode(),
        "succeeded",
        loaded(1),
        kept={"B000000001": {"title": "Lamp", "category_id": 7}},
    ),
    Entry(
        "categories with columns of products",
        b"id,category_name,asin,price\n1,Toys,B000000001,2.5\n",
        "succeeded",
        loaded(1),
        kept={1: {"name": "Toys"}},
    ),
    Entry(
        "too many fields for a header with the mandatory columns",
        b"asin,title,category_id\nB000000001,Lamp,7\nB000000002,Lamp,7,more\n",
        "succeeded",
        partly(1, 1),
        reasons=["too many columns: expected 3"],
        kept={"B000000001": {"title": "Lamp"}},
    ),
    refused("a space behind a comma of the header", b"id, category_name\n1,Toys\n", "the header id, category_name"),
    refused(
        "a mandatory column is missing",
        PRODUCTS.replace(",category_id", "").encode(),
        f"the header {PRODUCTS.replace(',category_id', '')} (for products it lacks category_id;",
    ),
    refused(
        "a name twice in the header", f"{PRODUCTS},price\n".encode(), "a products header with price more than once."
    ),
    refused("no header, data at once", lines(3).encode(), "the header B000000001,Lamp,"),
    refused(
        "semicolons",
        PRODUCTS_HEADER.replace(",", ";").encode(),
        f"the header {PRODUCTS.replace(',', ';')} (separated by semicolons",
    ),
    refused(
        "tabs",
        CATEGORIES_HEADER.replace(",", "\t").encode(),
        "the header id�category_name (separated by tabs, not commas).",
    ),
    refused(
        "a header whose quote is never closed",
        b'id,"category_name\n1,Toys\n',
        "a header with a quote that is never closed.",
    ),
    refused("zero bytes", b"", "an empty file."),
    refused("a BOM and nothing else", b"\xef\xbb\xbf", "a file without a line."),
    refused("blank lines alone", b"\r\n\n\r\n", "a file without a line."),
    refused("gzip", lambda: gzip.compress((PRODUCTS_HEADER + lines(100)).encode()), "a gzip file."),
    refused("xlsx", _xlsx, "a zip file (an .xlsx is one)."),
    refused("xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a file of an older Excel (.xls)."),
    refused("a picture", b"\x89PNG\r\n\x1a\n" + bytes(64), "bytes that are not UTF-8 (0x89 at byte 0)."),
    refused("JSON", b'[{"asin": "B000000001"}]\n', "the header [{"),
    refused("a page of HTML", b"<!doctype html>\n<title>404</title>\n", "the header <!doctype html>."),
)
