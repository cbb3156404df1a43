"""The kind of a file is detected from its header; each refusal says what was expected and what came."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from shared.imports.header import HEAD_BYTES, Detection, detect_kind
from testkit.csv_files import CATEGORIES, PRODUCTS

BOM = b"\xef\xbb\xbf"
HEADER = CATEGORIES.encode()
OPTIONAL = ",".join(name for name in PRODUCTS.split(",") if name not in {"asin", "title", "category_id"})
EXPECTED = (
    f"Expected a CSV file in UTF-8 whose header has asin,title,category_id (products; it may have {OPTIONAL} too) or "
    "id,category_name (categories), got "
)


def detected(content: bytes) -> Detection:
    return detect_kind(content[:HEAD_BYTES], len(content))


def xlsx() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PRODUCTS.encode(), "products"),
        (f"{PRODUCTS}\r\nB000000001,x,,,,0,,,1,False,0\r\n".encode(), "products"),
        (",".join(reversed(PRODUCTS.split(","))).encode() + b"\n", "products"),
        (f"colour,{PRODUCTS},size\n".encode(), "products"),
        (f"{PRODUCTS},{CATEGORIES}\n".encode(), "products"),
        (b"asin,title,category_id\n", "products"),
        (b"id,category_name,category_id,title,asin\n", "products"),
        (b"id,asin,title,category_id,id\n", "products"),
        (b"id,category_name,asin,title\n", "categories"),
        (b"category_id,id,category_name,price,price\n", "categories"),
        (HEADER, "categories"),
        (BOM + HEADER + b"\n", "categories"),
        (b"category_name,id\n1,x\n", "categories"),
        (b'"id","category_name"\r\n', "categories"),
        (b'id,category_name,"of, the\r\n""maker"""\n', "categories"),
        (b"id,category_name,x,x\n", "categories"),
        (b"id,category_name,,\n", "categories"),
        (b"\n\r\n" + HEADER + b"\n", "categories"),
        (HEADER + "\n1,Möbel\n".encode() * 10_000, "categories"),
        (HEADER + b",," + "é".encode() * HEAD_BYTES, None),
        (HEADER + b"\n1," + "é".encode() * HEAD_BYTES, "categories"),  # the last character is cut in two
        (HEADER + b"\nx1," + "é".encode() * HEAD_BYTES, "categories"),
        (HEADER + b"," + b"x" * (HEAD_BYTES - len(HEADER) - 2) + b"\n1,2,3\n", "categories"),
        (HEADER + b"," + b"x" * (HEAD_BYTES - len(HEADER) - 1) + b"\n1,2,3\n", None),
        (HEADER + b"\n1,\0\n", "categories"),  # a row's fault, not the file's
    ],
)
def test_a_file_is_known_by_the_names_of_its_columns(content: bytes, kind: str | None) -> None:
    detection = detected(content)
    assert detection.kind == kind
    assert (detection.message is None) == (kind is not None)


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "an empty file"),
        (BOM, "a file without a line"),
        (b"\r\n\n\r\n", "a file without a line"),
        (b"a,b\n1,2\n", "the header a,b"),
        (b"asin\n", "the header asin (for products it lacks title, category_id; names are matched exactly)"),
        (b"asin,title,price\n", "the header asin,title,price (for products it lacks category_id; names are"),
        (b"category_name\n", "the header category_name (for categories it lacks id; names are matched exactly)"),
        (b"ID,Category_Name\n", 'it lacks id (it has "ID"), category_name (it has "Category_Name"); names are matched'),
        (b"id, category_name\n", 'it lacks category_name (it has " category_name")'),
        (f"{PRODUCTS.replace('asin', 'ASIN')}\n".encode(), 'for products it lacks asin (it has "ASIN"); names are'),
        (f"{PRODUCTS.replace('title,', '')}\n".encode(), "for products it lacks title; names are matched exactly"),
        (f"{PRODUCTS},asin\n".encode(), "a products header with asin more than once"),
        (b"asin,title,category_id,price,price\n", "a products header with price more than once"),
        (b"id,category_name,id,category_name\n", "a categories header with id, category_name more than once"),
        (b"id;category_name\n1;x\n", "the header id;category_name (separated by semicolons, not commas)"),
        (b"id\tcategory_name\n1\tx\n", "(separated by tabs, not commas)"),
        (b"1,Toys\n2,Games\n", "the header 1,Toys."),
        (b'id,"category_name\n1,x\n', "a header with a quote that is never closed"),
        (b'id,category_name,"', "a header with a quote that is never closed"),
        (b'id,"category_name\n' + b"1,x\n" * HEAD_BYTES, "a header that is longer than the first 65,536 bytes"),
        (b"x" * 2 * HEAD_BYTES, "a header that is longer than the first 65,536 bytes"),
        (CATEGORIES.encode("utf-16"), "UTF-16"),
        (CATEGORIES.encode("utf-16-be"), "a NUL character in the header"),
        (CATEGORIES.encode("utf-32"), "UTF-32"),
        (HEADER + b"\n1,M\xf6bel\n", "bytes that are not UTF-8 (0xf6 at byte 20)"),
        (BOM + HEADER + b"\n1,M\xf6bel\n", "bytes that are not UTF-8 (0xf6 at byte 23)"),
        (HEADER + b"\n" + b"1,x\n" * 10_000 + b"1,\xff\n", "bytes that are not UTF-8 (0xff at byte 40,019)"),
        (HEADER + b"\n1,\xc3", "bytes that are not UTF-8 (0xc3 at byte 19)"),
        (b"\x00\x01\x02\xff" * 99, "bytes that are not UTF-8"),
        (b"\x00\x01\x02\x03" * 99, "binary data"),
        (gzip.compress(HEADER, mtime=0), "a gzip file"),
        (xlsx(), "a zip file (an .xlsx is one)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a file of an older Excel (.xls)"),
        (b"PAR1" + bytes(600), "a Parquet file"),
        (b"%PDF-1.7\n", "a PDF file"),
        (b'{"id": 1}\n', "the header"),
        (b"<html>\n", "the header <html>"),
        (b"id\x1b[31m,x\n", "the header id\ufffd[31m,x"),
        (b"a" * 300 + b"\n", "the header " + "a" * 200 + "…"),
    ],
)
def test_any_other_file_is_refused_with_what_was_expected_and_what_came(content: bytes, came: str) -> None:
    detection = detected(content)
    assert detection.kind is None
    message = str(detection.message)
    assert message.startswith(EXPECTED)
    assert came in message.removeprefix(EXPECTED)
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (PRODUCTS, PRODUCTS),
        (",".join(reversed(PRODUCTS.split(","))), PRODUCTS),
        ("category_id,colour,title,asin", "asin,title,category_id"),
        ("price,asin,Stars,title,category_id", "asin,title,price,category_id"),
        ("asin,title,category_id,id,category_name", "asin,title,category_id"),
        ("category_name,asin,id", CATEGORIES),
    ],
)
def test_the_known_columns_are_listed_in_the_order_of_the_declaration(header: str, columns: str) -> None:
    assert detected(header.encode()).csv_columns == columns


def test_a_refused_file_has_no_columns() -> None:
    assert detected(b"asin,title\n").csv_columns is None


def test_a_file_cut_within_a_quoted_name_of_its_header_is_refused() -> None:
    names = BOM + b'"id",category_name,'
    whole = names + f'"a ""note"", of\r\n{"é" * 20}"\r\n1,x,y\r\n'.encode()
    assert detected(whole).kind == "categories"
    for length in range(len(names) - 1):
        assert detected(whole[:length]).kind is None
    closing_quotes = {whole.index(b'""note') + 1, whole.index(b'"", of') + 1, whole.index(b'"\r\n1,x') + 1}
    for length in range(len(names) + 1, whole.index(b"\r\n1,x")):
        assert detected(whole[:length]).kind is None or length in closing_quotes
