"""Copy reads CSV exactly: what Python's csv module reads, whichever way a block goes, wherever it is cut."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.datafactory import delimited_text
from local.datafactory.delimited_text import DelimitedText, TooLongRow
from local.datafactory.failures import ActivityFailedError

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = [DATA / "real/amazon_products.csv", DATA / "real/amazon_categories.csv", *DATA.glob("messy*.csv")]


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def read(data: bytes, size: int = 1 << 20) -> tuple[list[list[str | None]], list[TooLongRow]]:
    """All rows, header first, and the rows that were skipped."""
    text = DelimitedText(chunks(data, size))
    rows: list[list[str | None]] = [list(text.header)]
    skipped: list[TooLongRow] = []
    for block in text.blocks(range(len(text.header))):
        rows += map(list, zip(*(column.to_pylist() for column in block.rows.columns), strict=True))
        skipped += block.skipped
    return rows, skipped


def by_csv(data: bytes) -> tuple[list[list[str | None]], list[list[str]]]:
    """What Python's csv module makes of it, rows padded, those that are too long apart."""
    rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")) if row]
    width = len(rows[0])
    padded = [[value or None for value in row] + [None] * (width - len(row)) for row in rows if len(row) <= width]
    return padded, [row for row in rows if len(row) > width]


CORPUS: dict[str, bytes] = {
    "plain": b"a,b\n1,2\n3,4\n",
    "no line break at the end": b"a,b\n1,2",
    "CRLF": b"a,b\r\n1,2\r\n3,4\r\n",
    "CR": b"a,b\r1,2\r3,4\r",
    "mixed line breaks": b"a,b\r\n1,2\n3,4\r5,6",
    "blank lines": b"\n\na,b\n\n1,2\r\n\r\n\n3,4\n\n",
    "BOM": b"\xef\xbb\xbfa,b\n1,2\n",
    "quotes": b'"a","b"\n"1","2"\n',
    "comma, line break and quote inside": b'a,b\n"x,y","line 1\nline 2"\n"say ""hi""",""""\n',
    "CRLF inside quotes": b'a,b\r\n"x\r\ny",2\r\n',
    "quote only fields": b'a,b\n"",""\n"""",x\n"""""",y\n',
    "backslashes": b'a,b\n"C:\\",\\\n"\\""x",2\n',
    "backslash before a quote": b'a,b\n"a \\"b\\" c",2\n3,4\n',
    "quote inside a plain field": b'a,b\n5" disk,2\nx,y"\n3,4\n',
    "text behind a closing quote": b'a,b\n"x"y,2\n"x" ,3\n4,5\n',
    "short rows": b"a,b,c\n1\n1,2\n1,2,3\n",
    "long rows": b"a,b\n1,2,3\n4,5\n6,7,8,9\n",
    "short and long rows in turn": b"a,b\n1\n1,2,3\n4,5\n",
    "long row with line breaks": b'a,b\n"1\n",2,"3\n"\n4,5\n',
    "empty quoted line": b'a,b\n""\n1,2\n',
    "spaces": b"a,b\n 1 , 2\n  \n",
    "NUL": b"a,b\n1\x002,3\n",
    "non-ASCII": "a,b\nÄ😀,ü\n\u2028,\x85\n".encode(),
    "header only": b"a,b\n",
    "header only, without a line break": b"a,b",
    "repeated header": b"a,b\n1,2\na,b\n",
    "only commas": b"a,b\n,\n,\n",
    "vertical tab and form feed": b"a,b\n1\x0b,2\x0c\n",
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("name", CORPUS)
def test_rows_are_those_of_the_csv_module(name: str, size: int) -> None:
    rows, skipped = read(CORPUS[name], size)
    expected, too_long = by_csv(CORPUS[name])
    assert rows == expected
    assert [row.fields for row in skipped] == too_long


def test_any_text_is_read_as_the_csv_module_reads_it() -> None:
    numbers = random.Random(7)
    for _ in range(1_500):
        body = "".join(numbers.choices(['"', '""', ",", "\n", "\r\n", "a", "ä", "\\", " "], k=numbers.randrange(40)))
        data = b"a,b\n" + body.encode()
        try:
            list(csv.reader(io.StringIO(data.decode(), newline=""), strict=False))
            expected, too_long = by_csv(data)
            rows, skipped = read(data, numbers.randrange(1, 20))
        except ActivityFailedError as error:
            # The csv module lets a file end inside quotes; Copy doesn't.
            assert "never closed" in error.message, data  # noqa: PT017
            assert _ends_in_quotes(data), data
            continue
        assert not _ends_in_quotes(data), data
        assert (rows, [row.fields for row in skipped]) == (expected, too_long), data


def _ends_in_quotes(data: bytes) -> bool:
    """Whether two more quotes at the end would belong to an open field: then a row less is complete."""
    text = data.decode()
    marked = list(csv.reader(io.StringIO(text + "\nMARK", newline="")))
    return not (marked and marked[-1] == ["MARK"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_real_files_are_read_exactly(file: Path) -> None:
    if not file.exists():
        pytest.skip("the data is not here")
    data = file.read_bytes()
    assert read(data, 100_000) == (by_csv(data)[0], [])


def test_the_usual_file_goes_through_pyarrow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DelimitedText, "_rows_by_csv", None)
    assert len(read(b'a,b\n"x ""y"", z","1\n2"\n' * 1_000)[0]) == 2_000


def test_a_skipped_row_has_its_number() -> None:
    _, skipped = read(b"a,b\n" + b"1,2\n" * 10 + b"1,2,3\n", 16)
    assert skipped == [TooLongRow(11, ["1", "2", "3"])]


def test_a_field_of_ten_megabytes_is_read() -> None:
    field = b'"' + b"x" * (10 * 1024 * 1024) + b'"'
    rows, _ = read(b"a,b\n1,2\n" + field + b",3\n4,5\n")
    assert [len(row[0] or "") for row in rows] == [1, 1, 10 * 1024 * 1024, 1]


@pytest.mark.parametrize(
    "data",
    [b'a,b\n1,"2\n', b'a,b\n1,2\n"3,4\n5,6\n', b'a,b\n"', b'a,b\n1,"2""\n', b'a,"b\n1,2\n', b'a,b\nx"y,z\n1,"2\n'],
)
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_a_quote_that_is_never_closed_is_an_error(data: bytes, size: int) -> None:
    with pytest.raises(ActivityFailedError, match="never closed"):
        read(data, size)


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited_text, "LONGEST_ROW_BYTES", 10_000)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'a,b\n1,"'
        while True:
            taken += 1_000
            yield b"x,y,z,1,2\n" * 100

    with pytest.raises(ActivityFailedError, match="never closed"):
        for _ in DelimitedText(endless()).blocks([0]):
            pass
    assert taken < 20_000


@pytest.mark.parametrize(
    "data", [b"a,b\n1,\xff\n", b"a,b\n1,2\n\xc3,4\n", b"a,b\n1\xe4\n2,3,4\n", b"\xff\xfea\x00,\x00b\x00\n"]
)
@pytest.mark.parametrize("column", [0, 1])
def test_bytes_that_are_not_utf8_are_an_error_in_any_column(data: bytes, column: int) -> None:
    with pytest.raises(ActivityFailedError, match="not UTF-8"):
        for _ in DelimitedText(chunks(data, 1 << 20)).blocks([column]):
            pass


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_header_is_an_error(data: bytes) -> None:
    with pytest.raises(ActivityFailedError, match="no header"):
        read(data)


def test_a_file_cut_off_at_any_byte_is_read_or_refused() -> None:
    whole = 'a,b\n"x ""ä"" y","1\n2"\n3,4\r\n'.encode()
    for end in range(len(whole)):
        try:
            rows, _ = read(whole[:end], 3)
        except ActivityFailedError:
            continue
        assert rows[1:] == by_csv(whole[:end])[0][1:]
