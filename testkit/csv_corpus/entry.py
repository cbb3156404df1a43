"""An entry of the corpus: a file as a user may upload it, and its expected result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from testkit.csv_files import CATEGORIES, PRODUCTS

PRODUCTS_HEADER, CATEGORIES_HEADER = f"{PRODUCTS}\n", f"{CATEGORIES}\n"

_GOOD = {
    "asin": "B000000001",
    "title": "Lamp",
    "imgUrl": "https://example.org/1.jpg",
    "productURL": "https://example.org/1",
    "stars": "4.5",
    "reviews": "12",
    "price": "19.99",
    "listPrice": "0.0",
    "category_id": "7",
    "isBestSeller": "False",
    "boughtInLastMonth": "50",
}


class Counts(NamedTuple):
    """The row counts of a record; None where they are unknown."""

    read: int | None = None
    inserted: int | None = None
    updated: int | None = None
    unchanged: int | None = None
    superseded: int | None = None
    rejected: int | None = None


NOTHING = Counts()


@dataclass(frozen=True)
class Entry:
    """A file and its expected result.

    `content` is the file, or a function that returns it where it is large. `message` is a part of the record's message
    (None: it has none). `reasons` are those of the rejected rows, in order. `kept` is the whole catalog by asin or
    category id, with some columns of each row; amounts are in hundredths.
    """

    name: str
    content: bytes | Callable[[], bytes]
    status: str
    counts: Counts
    message: str | None = None
    reasons: Sequence[str] = ()
    kept: Mapping[str | int, Mapping[str, object]] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        """The file."""
        return self.content() if callable(self.content) else self.content


def counts_of(record: Mapping[str, Any]) -> Counts:
    """The counts of a record from its table or the API."""
    return Counts(*(record[f"rows_{name}"] for name in Counts._fields))


def line(asin: str = "B000000001", /, **texts: str) -> str:
    """A row of a products file: good values, replaced by these texts."""
    return ",".join((_GOOD | {"asin": asin} | texts).values()) + "\n"


def lines(count: int, first: int = 1) -> str:
    """Good rows of a products file, each with another asin."""
    return "".join(line(f"B{number:09}") for number in range(first, first + count))


def loaded(count: int) -> Counts:
    """Counts of a file whose rows are all inserted."""
    return Counts(count, count, 0, 0, 0, 0)


def partly(inserted: int, rejected: int) -> Counts:
    """Counts of a file whose rows are inserted or rejected."""
    return Counts(inserted + rejected, inserted, 0, 0, 0, rejected)


def products(name: str, rows: str, title: str) -> Entry:
    """A file with one good product, whose title is stored exactly."""
    content = (PRODUCTS_HEADER + rows).encode()
    return Entry(name, content, "succeeded", loaded(1), kept={"B000000001": {"title": title}})


def refused(name: str, content: bytes | Callable[[], bytes], came: str) -> Entry:
    """A file that is rejected; its message says that it got `came`."""
    return Entry(name, content, "rejected", NOTHING, f"got {came}")


def unreadable(name: str, content: bytes | Callable[[], bytes]) -> Entry:
    """A file that can't be read to its end."""
    return Entry(name, content, "failed", NOTHING, "The file can't be read to its end")


def bad_value(name: str, reason: str, **texts: str) -> Entry:
    """A row with a bad value between two good rows."""
    rows = line("B000000001") + line("B000000002", **texts) + line("B000000003")
    kept: dict[str | int, Mapping[str, object]] = {"B000000001": {}, "B000000003": {}}
    return Entry(name, (PRODUCTS_HEADER + rows).encode(), "succeeded", partly(2, 1), None, [reason], kept)


def good_value(name: str, kept: Mapping[str, object], **texts: str) -> Entry:
    """A row with an unusual but good value."""
    content = (PRODUCTS_HEADER + line("B000000001", **texts)).encode()
    return Entry(name, content, "succeeded", loaded(1), kept={"B000000001": kept})
