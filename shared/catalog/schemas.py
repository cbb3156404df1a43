"""Products, categories and the query of a list, as the API takes and gives them.

`NewProduct` and `NewCategory` are the declaration that tables, files and SQL are derived from (`declaration.py`).
"""

from __future__ import annotations

import typing
import unicodedata
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from shared.catalog.declaration import CsvColumn, Filter, declared, declared_filters
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

# Each of these columns has its indexes in `tables.py`.
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

SORTS: tuple[str, ...] = typing.get_args(Sort.__value__)
SORT_COLUMNS = tuple(dict.fromkeys(sort.removeprefix("-") for sort in SORTS))

# Combining accents. FTS5's tokenizer drops them inside a word, too.
_ACCENTS = frozenset(map(chr, range(0x300, 0x370)))

_STRICT = ConfigDict(strict=True, extra="forbid")


def _patch_of(model: type[BaseModel], key: str) -> type[BaseModel]:
    """A model with all fields of `model` but its key, each optional.

    The fields keep their types: a field accepts null only if it does so in `model`.
    """
    hints = typing.get_type_hints(model, include_extras=True)
    # A factory instead of a default: OpenAPI would show the default, but a field that isn't given stays unchanged.
    fields: dict[str, typing.Any] = {
        name: (hints[name], Field(default_factory=lambda: None)) for name in model.model_fields if name != key
    }
    return create_model(f"{model.__name__}Patch", __module__=__name__, **fields)


class NewProduct(BaseModel):
    """A product to insert. A field that isn't given is null, 0 or false."""

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
    """A product as it is stored."""

    # For the OpenAPI document: replies are rendered from rows and not checked again (`rendering.py`).
    model_config = ConfigDict(strict=False, extra="ignore")

    created_at: Time
    updated_at: Time


class ProductPatch(_patch_of(NewProduct, key="asin")):  # type: ignore[misc]  # a base class made at import
    """The fields to change. Null clears a field that may be null."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"example": {"price": 119.99, "list_price": None}})


class NewProducts(BaseModel):
    """A batch of products: all are inserted or none."""

    model_config = _STRICT

    items: Annotated[list[NewProduct], Field(min_length=1, max_length=1000)]


class Inserted(BaseModel):
    """How many products a batch inserted."""

    inserted: int = Field(examples=[2])


class ProductPage(BaseModel):
    """A page of a list of products."""

    items: list[Product]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")
    total: int | None = Field(description="The number of products on all pages; null unless include_total was true.")


class NewCategory(BaseModel):
    """A category to insert."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"example": {"id": 300, "name": "Telescopes"}})

    id: Annotated[CategoryId, CsvColumn("id", mandatory=True, column="category_id")]
    name: Annotated[CategoryName, CsvColumn("category_name", mandatory=True)]


class CategoryPatch(_patch_of(NewCategory, key="id")):  # type: ignore[misc]  # a base class made at import
    """The fields to change."""

    model_config = ConfigDict(**_STRICT, json_schema_extra={"example": {"name": "Telescopes & Binoculars"}})


class Category(NewCategory):
    """A category and how many products it has."""

    model_config = ConfigDict(
        strict=False,
        extra="ignore",
        json_schema_extra={"example": {"id": 104, "name": "Suitcases", "product_count": 6104}},
    )

    product_count: int


class CategoryList(BaseModel):
    """All categories, by id."""

    items: list[Category]


def words_of(text: str) -> list[str]:
    """The words of a text, each once: runs of Unicode letters and digits, without combining accents."""
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
    """The products that a list shows, and which page of them.

    A field with a `Filter` is a filter: the statements, the indexes and the cursor follow from it.
    """

    model_config = ConfigDict(frozen=True)

    category_id: Annotated[QueryCategoryId | None, Filter("category_id")] = Field(
        default=None, description="Only products of this category."
    )
    min_price: Annotated[QueryMoney | None, Filter("price", "at least")] = Field(
        default=None, description="Only products with at least this price."
    )
    max_price: Annotated[QueryMoney | None, Filter("price", "at most")] = Field(
        default=None, description="Only products with at most this price."
    )
    min_stars: Annotated[QueryStars | None, Filter("stars", "at least")] = Field(
        default=None, description="Only products with at least this many stars."
    )
    best_seller: Annotated[QueryFlag | None, Filter("is_best_seller")] = Field(
        default=None, description="Only best sellers, or only other products."
    )
    q: Annotated[str, AfterValidator(_with_a_word), Field(max_length=1000)] | None = Field(
        default=None,
        description="Only products whose title has each of these words, whole. Case and accents are ignored.",
        examples=["suitcase blue"],
    )
    sort: Sort = Field(
        default="asin",
        description="`-` sorts in descending order. Null prices and stars come last; ties are in order of asin.",
    )
    limit: PageLimit = Field(default=20, description="The number of products on a page.")
    cursor: str | None = Field(default=None, description="The next_cursor of the page before.")
    include_total: QueryFlag = Field(default=False, description="Whether to count the products on all pages.")

    @property
    def filters(self) -> str:
        """Sort and filters in a normal form, equal for equal lists. A cursor is bound to it."""
        # Decimals with two places: 1.0 is 1. A comprehension without a call: every cached reply is found by this.
        given = {
            name: f"{value:.2f}" if isinstance(value, Decimal) else value
            for name in FILTERS
            if (value := getattr(self, name)) is not None
        }
        words = sorted(words_of(self.q)) if self.q else None
        return repr((self.sort, given, words))

    @property
    def shows(self) -> str:
        """What the page shows, in a normal form. A cached page is stored under it."""
        return repr((self.filters, self.limit, self.cursor, self.include_total))


FILTERS = declared_filters(ProductQuery)

# The columns of the two kinds of CSV files, in the order in which rejected rows show them.
CSV_COLUMNS = {
    "products": tuple(field.csv for field in declared(NewProduct)),
    "categories": tuple(field.csv for field in declared(NewCategory)),
}
