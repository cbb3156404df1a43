"""Values of fields, and which of several rows with one key counts."""

from __future__ import annotations

from collections.abc import Sequence

from testkit.csv_corpus.entry import (
    CATEGORIES_HEADER,
    PRODUCTS_HEADER,
    Counts,
    Entry,
    bad_value,
    good_value,
    line,
    lines,
    loaded,
    partly,
)


def _far_apart() -> bytes:
    return (PRODUCTS_HEADER + line(title="first") + lines(30_000, 2) + line(title="last")).encode()


def _mostly_bad(bad: int, good: int) -> bytes:
    rows = "".join(line(f"B9{number:08}", price="N/A") for number in range(bad))
    return (PRODUCTS_HEADER + rows + lines(good)).encode()


_NOT_A_NUMBER = 'price: not a number: "{}"'

VALUES: Sequence[Entry] = (
    bad_value("a space in front of a number", _NOT_A_NUMBER.format(" 12"), price=" 12"),
    bad_value("a space behind a number", _NOT_A_NUMBER.format("12 "), price="12 "),
    bad_value("1e3", _NOT_A_NUMBER.format("1e3"), price="1e3"),
    bad_value("NaN", _NOT_A_NUMBER.format("NaN"), price="NaN"),
    bad_value("inf", _NOT_A_NUMBER.format("inf"), price="inf"),
    bad_value("1,299.00", _NOT_A_NUMBER.format("1,299.00"), price='"1,299.00"'),
    bad_value("a comma as decimal point", _NOT_A_NUMBER.format("12,5"), price='"12,5"'),
    bad_value("$12", _NOT_A_NUMBER.format("$12"), price="$12"),
    bad_value("a negative price", _NOT_A_NUMBER.format("-1"), price="-1"),
    bad_value("a plus sign", _NOT_A_NUMBER.format("+1"), price="+1"),
    bad_value("None", _NOT_A_NUMBER.format("None"), price="None"),
    bad_value("hexadecimal", _NOT_A_NUMBER.format("0x10"), price="0x10"),
    bad_value("a point alone", _NOT_A_NUMBER.format("."), price="."),
    bad_value("digits of another script", _NOT_A_NUMBER.format("١٢"), price="١٢"),
    bad_value("three decimals", 'price: more than two decimals: "12.345"', price="12.345"),
    bad_value("10^20", f'price: not between 0 and 99,999,999.99: "1{"0" * 20}"', price="1" + "0" * 20),
    bad_value("10^20 reviews", f'reviews: not between 0 and 2,147,483,647: "1{"0" * 20}"', reviews="1" + "0" * 20),
    bad_value("400 digits", f'reviews: not between 0 and 2,147,483,647: "{"9" * 60}…"', reviews="9" * 400),
    bad_value("a negative count", 'reviews: not a number: "-1"', reviews="-1"),
    bad_value("half a review", 'reviews: not a whole number: "1.5"', reviews="1.5"),
    bad_value("no reviews", "reviews: empty", reviews=""),
    bad_value("more than five stars", 'stars: not between 0 and 5: "5.1"', stars="5.1"),
    bad_value("a category by its name", 'category_id: not a number: "Toys"', category_id="Toys"),
    bad_value("the category 0", 'category_id: not between 1 and 2,147,483,647: "0"', category_id="0"),
    bad_value("yes", 'isBestSeller: neither True nor False: "yes"', isBestSeller="yes"),
    bad_value("1 for True", 'isBestSeller: neither True nor False: "1"', isBestSeller="1"),
    bad_value("a space behind True", 'isBestSeller: neither True nor False: "True "', isBestSeller="True "),
    bad_value("no title", "title: empty", title=""),
    bad_value("a quoted empty title", "title: empty", title='""'),
    bad_value("1,001 characters of title", "title: longer than 1,000 characters", title="é" * 1001),
    bad_value("a URL of another scheme", 'imgUrl: not an http or https URL: "ftp://x"', imgUrl="ftp://x"),
    bad_value("an ASIN of nine", 'asin: not 10 characters of A-Z and 0-9: "B00000001"', asin="B00000001"),
    bad_value("an ASIN of eleven", 'asin: not 10 characters of A-Z and 0-9: "B0000000011"', asin="B0000000011"),
    bad_value("an ASIN in small letters", 'asin: not 10 characters of A-Z and 0-9: "b000000001"', asin="b000000001"),
    bad_value("an ASIN with a space", 'asin: not 10 characters of A-Z and 0-9: "B00000000 "', asin="B00000000 "),
    bad_value(
        "an ASIN of another script",
        'asin: not 10 characters of A-Z and 0-9: "\N{GREEK CAPITAL LETTER BETA}000000001"',
        asin="\N{GREEK CAPITAL LETTER BETA}000000001",
    ),
    bad_value("no ASIN", "asin: empty", asin=""),
    good_value("TRUE", {"is_best_seller": 1}, isBestSeller="TRUE"),
    good_value("false", {"is_best_seller": 0}, isBestSeller="false"),
    good_value(
        "0.0 is no price", {"price": None, "stars": None, "list_price": None}, price="0.0", stars="0", listPrice="0.00"
    ),
    good_value("empty fields", {"price": None, "stars": None, "image_url": None}, price="", stars="", imgUrl=""),
    good_value("prices that no binary fraction is", {"price": 29, "list_price": 435}, price="0.29", listPrice="4.35"),
    good_value("further zeros", {"price": 1230, "reviews": 7}, price="12.3000", reviews="007.0"),
    good_value(
        "the largest numbers", {"price": 9_999_999_999, "reviews": 2**31 - 1}, price="99999999.99", reviews="2147483647"
    ),
    good_value("1,000 characters of title", {"title": "😀" * 1000}, title="😀" * 1000),
    Entry(
        "an ASIN that a spreadsheet takes for a number",
        (PRODUCTS_HEADER + line("0735372888")).encode(),
        "succeeded",
        loaded(1),
        kept={"0735372888": {}},
    ),
    Entry(
        "one ASIN twice, far apart",
        _far_apart,
        "succeeded",
        Counts(30_002, 30_001, 0, 0, 1, 0),
        kept={f"B{number:09}": {"title": "last"} if number == 1 else {} for number in range(1, 30_002)},
    ),
    Entry(
        "one ASIN three times, the last row bad",
        (PRODUCTS_HEADER + line(title="1") + line(title="2") + line(price="x")).encode(),
        "succeeded",
        Counts(3, 1, 0, 0, 1, 1),
        reasons=[_NOT_A_NUMBER.format("x")],
        kept={"B000000001": {"title": "2"}},
    ),
    Entry(
        "two categories of one name",
        (CATEGORIES_HEADER + "1,Toys\n2,Toys\n").encode(),
        "succeeded",
        loaded(2),
        kept={1: {"name": "Toys"}, 2: {"name": "Toys"}},
    ),
    Entry(
        "one category under two names",
        (CATEGORIES_HEADER + "1,Toys\n01,Games\n").encode(),
        "succeeded",
        Counts(2, 1, 0, 0, 1, 0),
        kept={1: {"name": "Games"}},
    ),
    Entry(
        "a category without a name, one without a number, one of 201 characters",
        (CATEGORIES_HEADER + "1,Toys\n2,Games\n3,Books\n4,\n,Music\n5," + "x" * 201 + "\n").encode(),
        "succeeded",
        partly(3, 3),
        reasons=["category_name: empty", "id: empty", "category_name: longer than 200 characters"],
        kept={1: {"name": "Toys"}, 2: {"name": "Games"}, 3: {"name": "Books"}},
    ),
    Entry(
        "half of the rows are bad",
        _mostly_bad(500, 500),
        "succeeded",
        partly(500, 500),
        reasons=[_NOT_A_NUMBER.format("N/A")] * 500,
        kept={f"B{number:09}": {} for number in range(1, 501)},
    ),
    Entry(
        "more bad rows than are kept: counted all the same",
        lambda: _mostly_bad(10_050, 10_050),
        "succeeded",
        partly(10_050, 10_050),
        reasons=[_NOT_A_NUMBER.format("N/A")] * 10_000,
        kept={f"B{number:09}": {} for number in range(1, 10_051)},
    ),
    Entry(
        "more than half of the rows are bad",
        _mostly_bad(501, 500),
        "failed",
        Counts(1001, None, None, None, None, 501),
        "501 of 1,001 rows were rejected, more than the allowed share of 50 %; nothing was loaded.",
        [_NOT_A_NUMBER.format("N/A")] * 501,
    ),
)
