"""A file cut off at any byte, and what must come of it: told by Python's csv module and by a row's last field."""

from __future__ import annotations

import csv
import io

from testkit.csv_corpus.entry import PRODUCTS_HEADER, Counts, line
from testkit.csv_files import PRODUCTS

_TITLES = ("Lamp", '"a ""b"""', '"Mö, \n""bel"""')


def cut(size: int) -> bytes:
    """The first bytes of a file of three rows; no other size has their asins."""
    rows = (line(f"B{size:04}0000{row}", title=title) for row, title in enumerate(_TITLES))
    return (PRODUCTS_HEADER + "".join(rows)).encode()[:size]


WHOLE = len(cut(9_999))


def outcome_of_cut(content: bytes) -> tuple[str, Counts]:
    """Status and counts of the import of `content`, into a catalog that lacks its asins."""
    if len(content) < len(PRODUCTS):
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
