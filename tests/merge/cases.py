"""Staging rows and what the merge makes of them, for every dialect.

A row is its texts in the order of the declared columns. Copy stages an empty field as `None`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.catalog.declaration import (
    AsciiCode,
    HttpUrlText,
    Rule,
    Text,
    TrueOrFalse,
    TwoDecimals,
    WholeNumber,
    declared,
)
from shared.catalog.schemas import CSV_COLUMNS, NewProduct

type Row = Sequence[str | None]

PRODUCT_FIELDS = CSV_COLUMNS["products"]
GOOD: dict[str, str | None] = {
    "asin": "B000000001",
    "title": "A suitcase",
    "imgUrl": "https://example.org/1.jpg",
    "productURL": "https://example.org/1",
    "stars": "4.5",
    "reviews": "12",
    "price": "139.99",
    "listPrice": "0.0",
    "category_id": "104",
    "isBestSeller": "False",
    "boughtInLastMonth": "2000",
}


# Two good texts of each kind of field, other than what stands for null and the defaults.
TEXTS: Mapping[type[Rule], tuple[str, str]] = {
    AsciiCode: ("B00000000X", "B00000000Y"),
    Text: ("Before", "After"),
    HttpUrlText: ("https://example.org/before", "https://example.org/after"),
    TwoDecimals: ("1.25", "2.5"),
    WholeNumber: ("3", "4"),
    TrueOrFalse: ("True", "False"),
}
OPTIONAL_FIELDS = tuple(field for field in declared(NewProduct) if not field.mandatory)


def filled(version: int) -> dict[str, str]:
    """The first (0) or second (1) of these texts for every field whose column a file may lack."""
    return {field.csv: TEXTS[type(field.rule)][version] for field in OPTIONAL_FIELDS}


def lacking(*missing: str) -> str:
    """The import record's csv_columns for a products file without these columns."""
    return ",".join(name for name in PRODUCT_FIELDS if name not in missing)


def product(**changes: str | None) -> Row:
    """A good product's row with these fields changed."""
    return tuple((GOOD | changes).get(name) for name in PRODUCT_FIELDS)


# Bad values: the field, its text, and the reason that rejects the row.
BAD_PRODUCT_VALUES: Sequence[tuple[str, str | None, str]] = (
    ("asin", None, "asin: empty"),
    ("asin", "", "asin: empty"),
    ("asin", "B00000001", 'asin: not 10 characters of A-Z and 0-9: "B00000001"'),
    ("asin", "B0000000011", 'asin: not 10 characters of A-Z and 0-9: "B0000000011"'),
    ("asin", "b000000001", 'asin: not 10 characters of A-Z and 0-9: "b000000001"'),
    ("asin", "B00000000Ä", 'asin: not 10 characters of A-Z and 0-9: "B00000000Ä"'),
    ("asin", " B00000001", 'asin: not 10 characters of A-Z and 0-9: " B00000001"'),
    ("asin", "B000000001 ", 'asin: not 10 characters of A-Z and 0-9: "B000000001 "'),
    ("asin", "B00000000\0", 'asin: not 10 characters of A-Z and 0-9: "B00000000\0"'),
    ("asin", "B000000001\0", 'asin: not 10 characters of A-Z and 0-9: "B000000001\0"'),
    ("asin", "asin", 'asin: not 10 characters of A-Z and 0-9: "asin"'),
    ("title", None, "title: empty"),
    ("title", "x" * 1001, "title: longer than 1,000 characters"),
    ("title", "a\0b", "title: contains a NUL character"),
    ("imgUrl", "ftp://example.org/a", 'imgUrl: not an http or https URL: "ftp://example.org/a"'),
    ("imgUrl", "https://", 'imgUrl: not an http or https URL: "https://"'),
    ("imgUrl", " https://example.org", 'imgUrl: not an http or https URL: " https://example.org"'),
    ("imgUrl", "https://" + "x" * 1993, "imgUrl: longer than 2,000 characters"),
    ("imgUrl", "https://a\0", "imgUrl: contains a NUL character"),
    ("productURL", "x" * 61, f'productURL: not an http or https URL: "{"x" * 60}…"'),
    ("productURL", "https://" + "ü" * 1993, "productURL: longer than 2,000 characters"),
    ("stars", "5.01", 'stars: not between 0 and 5: "5.01"'),
    ("stars", "4.555", 'stars: more than two decimals: "4.555"'),
    ("stars", "four", 'stars: not a number: "four"'),
    ("stars", "-1", 'stars: not a number: "-1"'),
    ("reviews", None, "reviews: empty"),
    ("reviews", "1.5", 'reviews: not a whole number: "1.5"'),
    ("reviews", "2147483648", 'reviews: not between 0 and 2,147,483,647: "2147483648"'),
    ("reviews", "1,299", 'reviews: not a number: "1,299"'),
    ("price", "N/A", 'price: not a number: "N/A"'),
    ("price", "NaN", 'price: not a number: "NaN"'),
    ("price", "1e3", 'price: not a number: "1e3"'),
    ("price", "1,299.00", 'price: not a number: "1,299.00"'),
    ("price", "$12", 'price: not a number: "$12"'),
    ("price", "-12.00", 'price: not a number: "-12.00"'),
    ("price", "+12.00", 'price: not a number: "+12.00"'),
    ("price", " 12", 'price: not a number: " 12"'),
    ("price", "12 ", 'price: not a number: "12 "'),
    ("price", "1.2.3", 'price: not a number: "1.2.3"'),
    ("price", ".", 'price: not a number: "."'),
    ("price", "12\0", 'price: not a number: "12\0"'),
    ("price", "١٢", 'price: not a number: "١٢"'),
    ("price", "12.345", 'price: more than two decimals: "12.345"'),
    ("price", "12.0000001", 'price: more than two decimals: "12.0000001"'),
    ("price", "100000000", 'price: not between 0 and 99,999,999.99: "100000000"'),
    ("price", "1" + "0" * 20, f'price: not between 0 and 99,999,999.99: "1{"0" * 20}"'),
    ("price", "1" + "0" * 40, f'price: not between 0 and 99,999,999.99: "1{"0" * 40}"'),
    ("listPrice", "0x10", 'listPrice: not a number: "0x10"'),
    ("listPrice", "99999999.991", 'listPrice: more than two decimals: "99999999.991"'),
    ("category_id", None, "category_id: empty"),
    ("category_id", "0", 'category_id: not between 1 and 2,147,483,647: "0"'),
    ("category_id", "2147483648", 'category_id: not between 1 and 2,147,483,647: "2147483648"'),
    ("category_id", "104.5", 'category_id: not a whole number: "104.5"'),
    ("category_id", "Suitcases", 'category_id: not a number: "Suitcases"'),
    ("isBestSeller", None, "isBestSeller: empty"),
    ("isBestSeller", "yes", 'isBestSeller: neither True nor False: "yes"'),
    ("isBestSeller", "1", 'isBestSeller: neither True nor False: "1"'),
    ("isBestSeller", "True ", 'isBestSeller: neither True nor False: "True "'),
    ("boughtInLastMonth", None, "boughtInLastMonth: empty"),
    ("boughtInLastMonth", "2K+", 'boughtInLastMonth: not a number: "2K+"'),
    ("boughtInLastMonth", "0.01", 'boughtInLastMonth: not a whole number: "0.01"'),
)

# Unusual but good values: the field, its text, the column and its value in the catalog.
GOOD_PRODUCT_VALUES: Sequence[tuple[str, str | None, str, object]] = (
    ("asin", "0735372888", "asin", "0735372888"),
    ("title", "x", "title", "x"),
    ("title", "😀" * 1000, "title", "😀" * 1000),
    ("title", ' a "quoted"\r\n\ttitle\\ ', "title", ' a "quoted"\r\n\ttitle\\ '),
    ("imgUrl", None, "image_url", None),
    ("imgUrl", "HTTP://example.org", "image_url", "HTTP://example.org"),
    ("productURL", "https://" + "x" * 1992, "product_url", "https://" + "x" * 1992),
    ("stars", None, "stars", None),
    ("stars", "0", "stars", None),
    ("stars", "5.000", "stars", Decimal("5.00")),
    ("reviews", "0", "reviews", 0),
    ("reviews", "007", "reviews", 7),
    ("reviews", "0" * 50 + "7", "reviews", 7),
    ("reviews", "12.00", "reviews", 12),
    ("reviews", "12." + "0" * 50, "reviews", 12),
    ("reviews", "2147483647", "reviews", 2147483647),
    ("price", None, "price", None),
    ("price", "0.00", "price", None),
    ("price", "0.29", "price", Decimal("0.29")),
    ("price", "1.1", "price", Decimal("1.10")),
    ("price", "4.35", "price", Decimal("4.35")),
    ("price", ".5", "price", Decimal("0.50")),
    ("price", "5.", "price", Decimal("5.00")),
    ("price", "12.3400000", "price", Decimal("12.34")),
    ("price", "99999999.99", "price", Decimal("99999999.99")),
    ("listPrice", "1000", "list_price", Decimal("1000.00")),
    ("category_id", "1.0", "category_id", 1),
    ("category_id", "2147483647", "category_id", 2147483647),
    ("isBestSeller", "TRUE", "is_best_seller", True),
    ("isBestSeller", "true", "is_best_seller", True),
    ("boughtInLastMonth", "50", "bought_in_last_month", 50),
)

BAD_CATEGORY_ROWS: Sequence[tuple[Row, str]] = (
    ((None, "Suitcases"), "id: empty"),
    (("x", "Suitcases"), 'id: not a number: "x"'),
    (("-1", "Suitcases"), 'id: not a number: "-1"'),
    (("1.5", "Suitcases"), 'id: not a whole number: "1.5"'),
    (("0", "Suitcases"), 'id: not between 1 and 2,147,483,647: "0"'),
    (("1", None), "category_name: empty"),
    (("1", "x" * 201), "category_name: longer than 200 characters"),
    (("1", "a\0b"), "category_name: contains a NUL character"),
)


@dataclass(frozen=True)
class Case:
    """A file that is merged into the result of earlier files.

    The counts are rows read, inserted, updated, unchanged, superseded and rejected.
    """

    name: str
    kind: str
    rows: Sequence[Row]
    counts: tuple[int, int, int, int, int, int]
    tags: frozenset[str]
    before: Sequence[Row] = ()
    before_categories: Sequence[Row] = ()
    # The catalog after the merge: asin and title, or id, name and product_count.
    products: dict[str, str] = field(default_factory=dict)
    categories: dict[int, tuple[str, int]] = field(default_factory=dict)


# The first two bytes of their asins' SHA-256, modulo 1,024: see shared/catalog/tags.py.
FIRST, SECOND = "product:201", "product:654"

CASES: Sequence[Case] = (
    Case(
        "a new product of an unknown category makes a placeholder",
        "products",
        [product()],
        (1, 1, 0, 0, 0, 0),
        frozenset({"catalog", "category:104", "categories", FIRST}),
        products={"B000000001": "A suitcase"},
        categories={104: ("Category 104", 1)},
    ),
    Case(
        "an unchanged product costs nothing and makes nothing stale",
        "products",
        [product(listPrice=None, price="139.990")],
        (1, 0, 0, 1, 0, 0),
        frozenset(),
        before=[product()],
        products={"B000000001": "A suitcase"},
        categories={104: ("Category 104", 1)},
    ),
    Case(
        "a title that differs by case alone is an update, and the counts of categories stay fresh",
        "products",
        [product(title="A Suitcase")],
        (1, 0, 1, 0, 0, 0),
        frozenset({"catalog", "category:104", FIRST}),
        before=[product()],
        products={"B000000001": "A Suitcase"},
        categories={104: ("Category 104", 1)},
    ),
    Case(
        "a title that differs by a trailing space alone is an update",
        "products",
        [product(title="A suitcase ")],
        (1, 0, 1, 0, 0, 0),
        frozenset({"catalog", "category:104", FIRST}),
        before=[product()],
        products={"B000000001": "A suitcase "},
        categories={104: ("Category 104", 1)},
    ),
    Case(
        "a move makes both categories stale and counts in both",
        "products",
        [product(category_id="7")],
        (1, 0, 1, 0, 0, 0),
        frozenset({"catalog", "category:104", "category:7", "categories", FIRST}),
        before=[product()],
        products={"B000000001": "A suitcase"},
        categories={7: ("Category 7", 1), 104: ("Category 104", 0)},
    ),
    Case(
        "the last good row of an asin wins, a bad one behind it doesn't",
        "products",
        [product(title="first"), product(asin="B000000002"), product(title="last"), product(title="bad", price="N/A")],
        (4, 2, 0, 0, 1, 1),
        frozenset({"catalog", "category:104", "categories", FIRST, SECOND}),
        products={"B000000001": "last", "B000000002": "A suitcase"},
        categories={104: ("Category 104", 2)},
    ),
    Case(
        "only what differs makes its category stale, and what the file lacks stays",
        "products",
        [product(), product(asin="B000000002", category_id="7", price="1")],
        (2, 0, 1, 1, 0, 0),
        frozenset({"catalog", "category:7", SECOND}),
        before=[product(), product(asin="B000000002", category_id="7"), product(asin="B000000003")],
        products={"B000000001": "A suitcase", "B000000002": "A suitcase", "B000000003": "A suitcase"},
        categories={7: ("Category 7", 1), 104: ("Category 104", 2)},
    ),
    Case("a file of a header only", "products", [], (0, 0, 0, 0, 0, 0), frozenset()),
    Case(
        "a categories file names placeholders, adds new ones, and leaves the others",
        "categories",
        [("104", "Suitcases"), ("0105", "Backpacks"), ("7", "Toys")],
        (3, 1, 1, 1, 0, 0),
        frozenset({"categories"}),
        before=[product()],
        before_categories=[("7", "Toys"), ("9", "Tools")],
        products={"B000000001": "A suitcase"},
        categories={7: ("Toys", 0), 9: ("Tools", 0), 104: ("Suitcases", 1), 105: ("Backpacks", 0)},
    ),
    Case(
        "the last good row of a category id wins, however the id is written; names may clash",
        "categories",
        [("1", "A"), ("01", "B"), ("1.0", "C"), ("1", None), ("2", "C")],
        (5, 2, 0, 0, 2, 1),
        frozenset({"categories"}),
        categories={1: ("C", 0), 2: ("C", 0)},
    ),
    Case(
        "unchanged categories make nothing stale",
        "categories",
        [("7", "Toys")],
        (1, 0, 0, 1, 0, 0),
        frozenset(),
        before_categories=[("7", "Toys")],
        categories={7: ("Toys", 0)},
    ),
)
