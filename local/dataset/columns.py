"""Draws the columns of numbers: stars, reviews, prices, units bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from local.dataset.profile import Profile

type Integers = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]
type Flags = npt.NDArray[np.bool_]

# The distribution of a category's ratings around its mean: most within a third of a star, a tail of bad ones, a few
# of 5. Fitted to the published quartiles (4.1, 4.4, 4.6) and standard deviation (0.45 of the rows with a rating).
_STARS_SD, _BAD_SHARE, _BAD_MEAN, _PERFECT_SHARE = 0.26, 0.07, 0.85, 0.035
# Added to the other ratings, so that the tail doesn't change the category's mean.
_STARS_LIFT = _BAD_SHARE * _BAD_MEAN - _PERFECT_SHARE * 0.6
# The distribution of prices around a category's mean: lognormal, with a few far above. Fitted to the published
# quartiles and mean (43).
_PRICE_SHIFT, _PRICE_POWER, _PRICE_SD, _DEAR_SHARE, _DEAR_SD = -0.15, 0.90, 0.65, 0.08, 1.4


class CategoryFigures:
    """The figures of the categories as arrays, in the order of the profile's categories."""

    def __init__(self, profile: Profile) -> None:
        categories = profile.categories
        self.ids = np.array([category.id for category in categories])
        self.stars = np.array([category.stars for category in categories])
        self.price = np.array([category.price for category in categories])
        self.bought_share = np.array([category.bought_share for category in categories])
        shares = np.array([category.rows for category in categories]) / profile.rows
        self.reviews_zero_share = _zero_first(
            np.array([category.reviews_zero_share for category in categories]), shares, profile.reviews_zero_share
        )
        weights = np.array([category.best_seller_weight for category in categories])
        self.best_seller_share = weights * profile.best_seller_share / (weights @ shares)
        self.wide_image = np.array([category.wide_image for category in categories])


class NumberColumns:
    """The numbers of one chunk; money in cents, stars in tenths."""

    def __init__(
        self, profile: Profile, figures: CategoryFigures, category: npt.NDArray[np.intp], random: np.random.Generator
    ) -> None:
        """`category` is the index of each row's category in the profile."""
        self.stars = _stars(profile, figures.stars[category], random)
        self.reviews = _reviews(profile, figures.reviews_zero_share[category], random)
        self.price = _prices(profile, figures.price[category], random)
        self.list_price = _list_prices(profile, self.price, random)
        self.bought = _bought(profile, figures.bought_share[category], random)
        self.best_seller: Flags = random.random(len(category)) < figures.best_seller_share[category]

    def change(self, share: float, profile: Profile, random: np.random.Generator) -> int:
        """Changes the price of a share of the rows, and the sales of every second of them; returns their number."""
        rows = np.flatnonzero(random.random(len(self.price)) < share)
        # From 10 % less to 20 % more. Each price differs by a cent at least.
        moved = np.round(self.price[rows] * random.uniform(0.9, 1.2, len(rows))).astype(np.int64)
        moved[moved == self.price[rows]] += 1
        self.price[rows] = np.minimum(moved, round(profile.price_max * 100))
        values = np.array([value for value, _ in profile.bought])
        self.bought[rows[::2]] = random.choice(values, len(rows[::2]))
        return len(rows)


def _zero_first(top_shares: Floats, row_shares: Floats, published: float) -> Floats:
    """Shares of rows without reviews.

    A category whose top products have none has none at all. The others are scaled to meet the published share.
    """
    without = top_shares >= 1
    rest = (published - row_shares[without].sum()) / row_shares[~without].sum()
    return np.where(without, 1.0, rest)


def _stars(profile: Profile, mean: Floats, random: np.random.Generator) -> Integers:
    size = len(mean)
    kind = random.random(size)
    stars = mean + _STARS_LIFT + random.normal(0, _STARS_SD, size)
    bad = kind < _BAD_SHARE
    stars[bad] -= random.exponential(_BAD_MEAN, int(bad.sum()))
    stars[kind > 1 - _PERFECT_SHARE] = 5.0
    tenths = np.round(np.clip(stars, 1.0, 5.0) * 10).astype(np.int64)
    tenths[random.random(size) < profile.stars_zero_share] = 0
    return tenths


def _reviews(profile: Profile, zero_share: Floats, random: np.random.Generator) -> Integers:
    size = len(zero_share)
    reviews = np.exp(random.normal(profile.reviews_log_mean, profile.reviews_log_sd, size))
    count = np.clip(np.round(reviews), 1, profile.reviews_max).astype(np.int64)
    count[random.random(size) < zero_share] = 0
    return count


def _prices(profile: Profile, mean: Floats, random: np.random.Generator) -> Integers:
    size = len(mean)
    logarithm = _PRICE_SHIFT + _PRICE_POWER * np.log(mean) + random.normal(0, _PRICE_SD, size)
    dear = random.random(size) < _DEAR_SHARE
    logarithm[dear] += np.abs(random.normal(0, _DEAR_SD, int(dear.sum())))
    cents = np.minimum(_snap(np.exp(logarithm), profile, random), round(profile.price_max * 100))
    cents[random.random(size) < profile.price_zero_share] = 0
    return cents


def _list_prices(profile: Profile, price: Integers, random: np.random.Generator) -> Integers:
    """The prices before a reduction; 0 for most rows."""
    size = len(price)
    shares, discounts = np.array(profile.discount_quantiles).T
    discount = np.interp(random.random(size), shares, discounts)
    full = price / 100 / (1 - discount)
    cents = _snap(full, profile, random)
    cents = np.where(cents > price, cents, np.round(full * 100).astype(np.int64))
    has_one = (price > 0) & (cents > price) & (cents < round(profile.list_price_below * 100))
    return np.where(has_one & (random.random(size) < profile.list_price_share), cents, 0)


def _snap(dollars: Floats, profile: Profile, random: np.random.Generator) -> Integers:
    """Prices in cents. Most end in the cents that are usual in shops; the others are only rounded."""
    endings, weights = np.array(profile.price_cents).T
    cents = np.round(dollars * 100).astype(np.int64)
    draw = random.random(len(dollars)) * 100
    ending = endings.astype(np.int64)[np.minimum(np.searchsorted(np.cumsum(weights), draw), len(endings) - 1)]
    snapped = cents // 100 * 100 + ending
    return np.where((draw < weights.sum()) & (snapped > 0), snapped, np.maximum(cents, 1))


def _bought(profile: Profile, share: Floats, random: np.random.Generator) -> Integers:
    values = np.array([value for value, _ in profile.bought])
    cumulative = np.cumsum([weight for _, weight in profile.bought])
    drawn = np.searchsorted(cumulative / cumulative[-1], random.random(len(share)))
    return np.where(random.random(len(share)) < share, values[drawn], 0)
