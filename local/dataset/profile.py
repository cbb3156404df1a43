"""The figures of Amazon Products 2023, per category and of the whole data set."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

_FILE = Path(__file__).parent / "profile.json"


class CategoryProfile(BaseModel):
    """One category. Shares are of its rows; `stars` and `price` are means without zeros."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    name: str
    rows: int
    bought_share: float
    stars: float
    price: float
    reviews_zero_share: float
    best_seller_weight: float
    wide_image: bool
    words: list[str]


class Profile(BaseModel):
    """The data set. Money is in dollars; quantiles are (share, value) pairs, tables (value, weight) pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    isbn_share: float
    stars_zero_share: float
    reviews_zero_share: float
    reviews_log_mean: float
    reviews_log_sd: float
    reviews_max: int
    price_zero_share: float
    price_max: float
    price_cents: list[tuple[int, float]]
    list_price_share: float
    list_price_below: float
    discount_quantiles: list[tuple[float, float]]
    bought: list[tuple[int, float]]
    best_seller_share: float
    repeated_title_share: float
    repeated_image_share: float
    title_words_mean: float
    title_words_sd: float
    title_words_max: int
    comma_share: float
    special_words: list[tuple[str, float]]
    common_words: list[str]
    common_word_share: float
    categories: list[CategoryProfile]


def load_profile() -> Profile:
    """Reads the profile that is part of the project."""
    return Profile.model_validate_json(_FILE.read_text())
