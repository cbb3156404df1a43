"""Generates unique ASINs that look random. Each follows from the row's number, so no list of them is needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LENGTH = 10

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)
_ZERO = ord("0")
# 2^40 is the largest power of two below 36^8, the number of ASINs that begin with B0.
_ASIN_BITS = 40
# 2^26 is the largest power of two below 10^8: an ISBN-10 is a leading 0 or 1, eight digits, and a check digit.
_ISBN_BITS = 26
# The constants of splitmix64. They are odd, so a product with them modulo a power of two is a permutation.
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

type Numbers = npt.NDArray[np.uint64]


def asins(rows: Numbers, seed: int, isbn_share: float) -> pa.Array:
    """The identifiers of these rows: B0 and eight characters, or an ISBN-10 for a share of them (books)."""
    text = np.empty((len(rows), LENGTH), dtype=np.uint8)
    text[:, 0], text[:, 1] = ord("B"), _ZERO
    _write_digits(text[:, 2:], _permute(rows, _ASIN_BITS, seed), base=36)
    every = np.uint64(round(1 / isbn_share))
    books = np.flatnonzero(_permute(rows // every, _ASIN_BITS, seed + 1) % every == rows % every)
    text[books] = _isbns(rows[books] // every, seed)
    offsets = np.arange(0, text.size + 1, LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(offsets), pa.py_buffer(text))


def _isbns(numbers: Numbers, seed: int) -> npt.NDArray[np.uint8]:
    """ISBN-10s with the standard's check digit. The first digit is chosen so that the check digit isn't X."""
    digits = np.zeros((len(numbers), LENGTH), dtype=np.uint8)
    _write_digits(digits[:, 1:9], _permute(numbers, _ISBN_BITS, seed), base=10)
    digits[:, 1:9] -= _ZERO
    check = _check_digit(digits)
    digits[check == LENGTH, 0] = 1
    digits[:, 9] = _check_digit(digits)
    return digits + np.uint8(_ZERO)


def _check_digit(digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The digit that makes the sum, weighted 10 to 1, divisible by 11 (ISO 2108:1992); 10 stands for X."""
    weights = np.arange(LENGTH, 1, -1)
    return np.asarray(-(digits[:, :9].astype(np.int64) @ weights) % 11)


def _write_digits(target: npt.NDArray[np.uint8], numbers: Numbers, base: int) -> None:
    """Writes the digits of the numbers into the columns of `target`, right-aligned."""
    left = numbers.copy()
    for column in reversed(range(target.shape[1])):
        left, digit = np.divmod(left, np.uint64(base))
        target[:, column] = _ALPHABET[digit.astype(np.intp)]


def _permute(numbers: Numbers, bits: int, seed: int) -> Numbers:
    """A permutation of the numbers below 2^bits, made of invertible steps: xor, shifts, odd factors."""
    mask = np.uint64((1 << bits) - 1)
    half = np.uint64(bits // 2)
    mixed = (numbers ^ np.uint64(seed * int(_FIRST_FACTOR) & int(mask))) & mask
    for factor in (_FIRST_FACTOR, _SECOND_FACTOR):
        mixed = (mixed * factor) & mask
        mixed ^= mixed >> half
    return mixed
