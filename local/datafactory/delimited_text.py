"""Reads CSV as Copy does: RFC 4180 in UTF-8, in blocks of whole rows.

There are two readers with the same result. pyarrow parses a block whose quotes all follow the RFC. Python's csv module
parses any other block: with a quote inside a plain field, text behind a closing quote, or rows of another length than
the header. The csv module defines the result.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv

from local.datafactory.failures import ActivityFailedError

# A longer row counts as a quote that was never closed. This bounds the memory.
LONGEST_ROW_BYTES = 32 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_QUOTE, _COMMA, _LF, _CR = 0x22, 0x2C, 0x0A, 0x0D
_MAY_STAND_BESIDE_QUOTES = np.zeros(256, dtype=bool)
_MAY_STAND_BESIDE_QUOTES[[_QUOTE, _COMMA, _LF, _CR]] = True

csv.field_size_limit(LONGEST_ROW_BYTES)


@dataclass(frozen=True)
class TooLongRow:
    """A row with more fields than the header. `number` counts from 1 and leaves out the header."""

    number: int
    fields: list[str]


@dataclass(frozen=True)
class Block:
    """Rows in their order, with empty fields as null, and the rows that were skipped."""

    rows: pa.RecordBatch
    skipped: list[TooLongRow]


class DelimitedText:
    """A CSV file whose first row is its header. It is read once, from start to end.

    Raises ActivityFailedError for bytes that aren't UTF-8, a quote that is never closed, or a file without a header.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rows_seen = 0
        self._buffer = b""
        self._ended = False
        self.header = self._read_header()

    def blocks(self, columns: Sequence[int]) -> Iterator[Block]:
        """The rows after the header, with the columns at these positions. A short row is filled with nulls."""
        while True:
            cut = _regular_cut(self._buffer, final=self._ended)
            if cut:
                yield self._parsed(self._buffer[:cut], columns)
                self._buffer = self._buffer[cut:]
            elif cut is None:
                rows, cut = self._rows_by_csv(self._buffer, final=self._ended)
                if rows:
                    yield self._block(rows, columns)
                self._buffer = self._buffer[cut:]
            if self._ended:
                if self._buffer.strip(b"\r\n") and not cut:
                    raise _never_closed()
                if not self._buffer:
                    return
            elif not self._fill():
                self._ended = True

    def _fill(self) -> bool:
        if len(self._buffer) > LONGEST_ROW_BYTES:
            raise _never_closed()
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._buffer += chunk
        return True

    def _read_header(self) -> list[str]:
        while len(self._buffer) < len(_BOM) and self._fill():
            pass
        self._buffer = self._buffer.removeprefix(_BOM)
        while True:
            for row, end in _complete_rows(self._buffer, final=self._ended):
                if row:
                    self._buffer = self._buffer[end:]
                    return row
            if self._ended:
                raise ActivityFailedError("DelimitedTextHeaderNotFound", "The file has no header row.")
            self._ended = not self._fill()

    def _parsed(self, data: bytes, columns: Sequence[int]) -> Block:
        """Parses a block of whole rows whose quotes all follow the RFC."""
        names = [str(position) for position in range(len(self.header))]
        lengths_differ = False

        def note(_row: object) -> str:
            nonlocal lengths_differ
            lengths_differ = True
            return "skip"

        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(data),
                read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
                convert_options=pyarrow.csv.ConvertOptions(
                    # All columns: bytes that aren't UTF-8 are an error also in a column that isn't copied.
                    column_types=dict.fromkeys(names, pa.string()),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
        except pa.ArrowInvalid:
            lengths_differ = True
        if lengths_differ:
            return self._block(self._rows_by_csv(data, final=True)[0], columns)
        self._rows_seen += table.num_rows
        chosen = table.select(list(columns)).combine_chunks()
        batches = chosen.to_batches()
        arrays = batches[0].columns if batches else [pa.array([], pa.string())] * len(columns)
        return Block(_batch(arrays), [])

    def _rows_by_csv(self, data: bytes, *, final: bool) -> tuple[list[list[str]], int]:
        rows: list[list[str]] = []
        cut = 0
        for row, end in _complete_rows(data, final=final):
            cut = end
            if row:
                rows.append(row)
        return rows, cut

    def _block(self, rows: list[list[str]], columns: Sequence[int]) -> Block:
        width = len(self.header)
        skipped = [TooLongRow(self._rows_seen + n, row) for n, row in enumerate(rows, 1) if len(row) > width]
        self._rows_seen += len(rows)
        kept = [row for row in rows if len(row) <= width]
        arrays = [
            pa.array([(row[column] or None) if column < len(row) else None for row in kept], pa.string())
            for column in columns
        ]
        return Block(_batch(arrays), skipped)


def _batch(arrays: Sequence[pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(arrays), [str(position) for position in range(len(arrays))])


def _never_closed() -> ActivityFailedError:
    return ActivityFailedError(
        "DelimitedTextBadDataDetected",
        f"A quote is never closed: its field goes on to the file's end, or for more than {LONGEST_ROW_BYTES:,} bytes.",
    )


def _regular_cut(data: bytes, *, final: bool) -> int | None:
    """The end of the last whole row, 0 if there is none, None if a quote doesn't follow the RFC.

    `data` begins with a row. Every other quote opens a field (or is the second of a doubled one), so a line break
    with an even number of quotes before it ends a row.
    """
    values = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(values == _QUOTE)
    if quotes.size:
        opening, closing = quotes[0::2], quotes[1::2]
        before = opening[opening > 0] - 1
        after = closing[closing < len(data) - 1] + 1
        if not (_MAY_STAND_BESIDE_QUOTES[values[before]].all() and _MAY_STAND_BESIDE_QUOTES[values[after]].all()):
            return None
    if final:
        return 0 if quotes.size % 2 else len(data)
    return _last_row_end(data, quotes, b"\n") or _last_row_end(data[:-1], quotes, b"\r")


def _last_row_end(data: bytes, quotes: np.ndarray[tuple[int], np.dtype[np.intp]], line_break: bytes) -> int:
    position = data.rfind(line_break)
    while position >= 0:
        quotes_before = int(np.searchsorted(quotes, position))
        if quotes_before % 2 == 0:
            return position + 1
        position = data.rfind(line_break, 0, int(quotes[quotes_before - 1]))
    return 0


def _complete_rows(data: bytes, *, final: bool) -> Iterator[tuple[list[str], int]]:
    """Each whole row of `data` and the offset behind it. A blank line is an empty row.

    Raises ActivityFailedError for bytes that aren't UTF-8, and at the file's end for a quote that is never closed.
    """
    lines = _Lines(data, final=final)
    reader = csv.reader(lines)
    try:
        for row in reader:
            if lines.exhausted:  # the data ended within this row
                if final:
                    raise _never_closed()
                return
            yield row, lines.offset
    except csv.Error as error:
        raise ActivityFailedError("DelimitedTextBadDataDetected", f"The file can't be read as CSV: {error}.") from error


class _Lines:
    """The lines of a block with their line breaks; `offset` counts the bytes read. `final` adds a cut-off line."""

    def __init__(self, data: bytes, *, final: bool) -> None:
        if not final:
            data = data[: max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1]
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ActivityFailedError(
                "DelimitedTextInvalidEncoding",
                f"The file is not UTF-8: {error.reason} (byte 0x{data[error.start]:02x}).",
            ) from error
        self._lines = io.StringIO(text, newline="")
        self.offset = 0
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            self.exhausted = True
            raise StopIteration
        self.offset += len(line) if line.isascii() else len(line.encode())
        return line
