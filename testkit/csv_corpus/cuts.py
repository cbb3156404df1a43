"""A file that is cut off at any byte, and its expected result according to Python's csv module."""

from __future__ import annotations

import csv
import io

from testkit.csv_corpus.entry import PRODUCTS_HEADER, Counts, line
from testkit.csv_files import PRODUCTS

_TITLES = ("Lamp", '"a ""b"""', '"Mö, \n""bel"""')


def cut(size: int) -> bytes:
    """The first `size` bytes of a file with three rows. The asins depend on the size."""
    rows = (line(f"B{size:04}0000{row}", title=title) for row, title in enumerate(_TITLES))
    return (PRODUCTS_HEADER + "".join(rows)).encode()[:size]


# A shorter header lacks a mandatory column.
_MANDATORY = PRODUCTS.index("category_id") + len("category_id")
WHOLE = len(cut(9_999))


def outcome_of_cut(content: bytes) -> tuple[str, Counts]:
    """Status and counts of the import of `content`, into a catalog without its asins."""
    if len(content) < _MANDATORY:
        return "rejected", Counts()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "rejected", Counts()
    marked = list(csv.reader(io.StringIO(text + "\nMARK", newline="")))
    if marked[-1] != ["MARK"]:  # it ends within quotes: the mark belongs to a field
        return "failed", Counts()
    rows = [row for row in marked[1:-1] if row]
    good = sum(len(row) == len(PRODUCTS.split(",")) and bool(row[-1]) for row in rows)
    if len(rows) - good > len(rows) / 2:
        return "failed", Counts(read=len(rows), rejected=len(rows) - good)
    return "succeeded", Counts(len(rows), good, 0, 0, 0, len(rows) - good)
