"""Draws the columns of text: titles and image URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from local.dataset.profile import Profile

type Places = npt.NDArray[np.intp]

# The index of a word in its list is a uniform draw to this power, so that later words are rarer.
_RARENESS = 2.0
_MIN_WORDS = 2

_IMAGE_SIZES = np.array([3, 4, 5, 6, 7, 8, 9])
_IMAGE_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-", dtype=np.uint8)
_IMAGE_LENGTH = 11


class Titles:
    """Draws titles of a category's own words, common words and special ones (signs, inches, non-ASCII letters)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        special = [word for word, _ in profile.special_words]
        words = [*profile.common_words, *special]
        self._starts = np.empty(len(profile.categories), dtype=np.intp)
        for place, category in enumerate(profile.categories):
            self._starts[place] = len(words)
            words += category.words
        self._sizes = np.array([len(category.words) for category in profile.categories])
        # The second half of the list is the same words with a comma.
        self._word_count = len(words)
        self._words = pa.array([*words, *(f"{word}," for word in words)])
        self._special_limits = np.cumsum([share for _, share in profile.special_words])

    def of(self, category: Places, random: np.random.Generator) -> pa.Array:
        """A title for each row; `category` is the index of its category. Some rows repeat the title before."""
        profile = self._profile
        drawn = random.normal(profile.title_words_mean, profile.title_words_sd, len(category))
        lengths = np.clip(np.round(drawn), _MIN_WORDS, profile.title_words_max).astype(np.int32)
        ends = np.cumsum(lengths, dtype=np.int32)
        places = self._places(np.repeat(category, lengths), random)
        with_comma = random.random(len(places)) < profile.comma_share
        with_comma[ends - 1] = False
        words = pc.take(self._words, pa.array(places + self._word_count * with_comma))
        offsets = np.concatenate([np.zeros(1, dtype=np.int32), ends])
        titles = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), " ")
        return pc.take(titles, pa.array(_some_repeated(len(category), profile.repeated_title_share, random)))

    def _places(self, category: Places, random: np.random.Generator) -> Places:
        """The index of a word for each element of `category`."""
        count = len(category)
        rareness = random.random(count) ** _RARENESS
        own = self._starts[category] + (rareness * self._sizes[category]).astype(np.intp)
        common = (rareness * len(self._profile.common_words)).astype(np.intp)
        places = np.where(random.random(count) < self._profile.common_word_share, common, own)
        draw = random.random(count)
        special = np.flatnonzero(draw < self._special_limits[-1])
        places[special] = len(self._profile.common_words) + np.searchsorted(self._special_limits, draw[special])
        return places


def image_urls(wide: npt.NDArray[np.bool_], repeated_share: float, random: np.random.Generator) -> pa.Array:
    """An image URL for each row. Some rows repeat the URL before; `wide` ones have Amazon's other size."""
    text = np.empty((len(wide), _IMAGE_LENGTH), dtype=np.uint8)
    text[:, 0] = random.choice(_IMAGE_SIZES, len(wide)) + ord("0")
    text[:, 1] = ord("1")
    text[:, 2:-1] = random.choice(_IMAGE_ALPHABET, (len(wide), _IMAGE_LENGTH - 3))
    text[:, -1] = ord("L")
    text = text[_some_repeated(len(wide), repeated_share, random)]
    offsets = np.arange(0, text.size + 1, _IMAGE_LENGTH, dtype=np.int32)
    names = pa.StringArray.from_buffers(len(wide), pa.py_buffer(offsets), pa.py_buffer(text))
    endings = pc.if_else(pa.array(wide), "._AC_UY218_.jpg", "._AC_UL320_.jpg")
    return pc.binary_join_element_wise("https://m.media-amazon.com/images/I/", names, endings, "")


def _some_repeated(count: int, share: float, random: np.random.Generator) -> Places:
    """The index of each row, or of the row before for a share of them."""
    places = np.arange(count)
    repeated = np.flatnonzero(random.random(count) < share)
    places[repeated] = np.maximum(repeated - 1, 0)
    return places
