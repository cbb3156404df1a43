"""What crosses the wire: products, categories, and the query of a list."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.catalog.declaration import CsvColumn, declared
from shared.catalog.fields import (
    Asin,
    CategoryId,
    CategoryName,
    Count,
    HttpUrl,
    Money,
    QueryCategoryId,
    QueryMoney,
    QueryStars,
    Stars,
    Title,
)
from shared.http.fields import PageLimit, QueryFlag, Time

type Sort = Literal[
    "asin",
    "-asin",
    "price",
    "-price",
    "stars",
    "-stars",
    "reviews",
    "-reviews",
    "bought_in_last_month",
    "-bought_in_last_month",
]

# Combining accents: what FTS5's tokenizer drops inside a word, too.
_ACCENTS = frozenset(map(chr, range(0x300, 0x370)))

_STRICT = ConfigDict(strict=True, extra="forbid")


class NewProduct(BaseModel):
    """A product to insert; what isn't given is null, 0 or false."""

    model_config = ConfigDict(
        **_STRICT,
        json_schema_extra={
            "example": {
                "asin": "B0EXAMPLE1",
                "title": "Carry-on suitcase, 20 inch, blue",
                "category_id": 104,
                "price": 139.99,
                "stars": 4.5,
            }
        },
    )

    asin: Annotated[Asin, CsvColumn("asin", mandatory=True)]
    title: Annotated[Title, CsvColumn("title", mandatory=True)]
    image_url: Annotated[HttpUrl | None, CsvColumn("imgUrl")] = None
    product_url: Annotated[HttpUrl | None, CsvColumn("productURL")] = None
    stars: Annotated[Stars | None, CsvColumn("stars")] = None
    reviews: Annotated[Count, CsvColumn("reviews")] = 0
    price: Annotated[Money | None, CsvColumn("price")] = None
    list_price: Annotated[Money | None, CsvColumn("listPrice")] = None
    category_id: Annotated[CategoryId, CsvColumn("category_id", mandatory=True)]
    is_best_seller: Annotated[bool, CsvColumn("isBestSeller")] = False
    bought_in_last_month: Annotated[Count, CsvColumn("boughtInLastMonth")] = 0


class Product(NewProduct):
    """A product as it is kept."""

    # A reply is made from checked rows: nothing is checked again.
    model_config = ConfigDict(strict=False, extra="ignore")

    created_at: Time
    updated_at: Time


class ProductPatch(BaseModel):
    """The fields to change; null clears a field that may be null."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"example": {"price": 119.99, "list_price": None}})

    title: Title = Field(default="")
    image_url: HttpUrl | None = None
    product_url: HttpUrl | None = None
    stars: Stars | None = None
    reviews: Count = 0
    price: Money | None = None
    list_price: Money | None = None
    category_id: CategoryId = 1
    is_best_seller: bool = False
    bought_in_last_month: Count = 0


class NewProducts(BaseModel):
    """A batch: all are inserted or none."""

    model_config = _STRICT

    items: Annotated[list[NewProduct], Field(min_length=1, max_length=1000)]


class Inserted(BaseModel):
    """How many products a batch inserted."""

    inserted: int = Field(examples=[2])


class ProductPage(BaseModel):
    """A page of a list."""

    items: list[Product]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")
    total: int | None = Field(description="How many products the whole query has; null unless include_total was true.")


class NewCategory(BaseModel):
    """A category to insert."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"example": {"id": 300, "name": "Telescopes"}})

    id: Annotated[CategoryId, CsvColumn("id", mandatory=True, column="category_id")]
    name: Annotated[CategoryName, CsvColumn("category_name", mandatory=True)]


class CategoryPatch(BaseModel):
    """The fields to change."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"example": {"name": "Telescopes & Binoculars"}})

    name: CategoryName = Field(default="")


class Category(BaseModel):
    """A category and how many products it has."""

    id: int = Field(examples=[104])
    name: str = Field(examples=["Suitcases"])
    product_count: int = Field(examples=[6104])


class CategoryList(BaseModel):
    """All categories, by id."""

    items: list[Category]


def words_of(text: str) -> list[str]:
    """The words of a text: runs of Unicode letters and digits; accents that have no letter of their own are dropped."""
    words: dict[str, None] = {}
    run = ""
    for character in unicodedata.normalize("NFC", text) + " ":
        if unicodedata.category(character)[0] in "LN":
            run += character
        elif run and character not in _ACCENTS:
            words[run] = None
            run = ""
    return list(words)


def _with_a_word(text: str) -> str:
    if not words_of(text):
        raise ValueError("Expected at least one word (letters or digits)")
    return text


class ProductQuery(BaseModel):
    """What a list shows."""

    model_config = ConfigDict(frozen=True)

    category_id: QueryCategoryId | None = Field(default=None, description="Only this category's products.")
    min_price: QueryMoney | None = Field(default=None, description="Only products of at least this price.")
    max_price: QueryMoney | None = Field(default=None, description="Only products of at most this price.")
    min_stars: QueryStars | None = Field(default=None, description="Only products of at least so many stars.")
    best_seller: QueryFlag | None = Field(default=None, description="Only best sellers, or only others.")
    q: Annotated[str, AfterValidator(_with_a_word), Field(max_length=1000)] | None = Field(
        default=None,
        description="Only products whose title has each of these words, whole; case and accents are ignored.",
        examples=["suitcase blue"],
    )
    sort: Sort = Field(
        default="asin", description="`-` for descending; null prices and stars come last, ties go by ascending asin."
    )
    limit: PageLimit = Field(default=20, description="Products on a page.")
    cursor: str | None = Field(default=None, description="The next_cursor of the page before.")
    include_total: QueryFlag = Field(default=False, description="Whether to count the whole query.")

    @property
    def filters(self) -> str:
        """Sort and filters, normalised: equal for equal lists. What a cursor is bound to."""
        words = sorted(words_of(self.q)) if self.q else None
        numbers = (self.min_price, self.max_price, self.min_stars)
        spelled = [None if number is None else f"{number:.2f}" for number in numbers]
        return repr((self.sort, self.category_id, spelled, self.best_seller, words))

    @property
    def shows(self) -> str:
        """What the page shows, normalised."""
        return repr((self.filters, self.limit, self.cursor, self.include_total))


# The columns of the two kinds of CSV files, in the order in which rejected rows show them.
CSV_COLUMNS = {
    "products": tuple(field.csv for field in declared(NewProduct)),
    "categories": tuple(field.csv for field in declared(NewCategory)),
}
