"""Writes columns as lines of CSV in the form of the real files: `0.0`, `True`, quotes only where needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

_FLAGS = pa.array(["False", "True"])
# Fractions as Python writes them: .5 for 50 hundredths.
_HUNDREDTHS = pa.array([f"{value / 100!r}"[1:] for value in range(100)])
_TENTHS = pa.array([f"{value / 10!r}" for value in range(51)])


def lines(columns: list[pa.Array]) -> memoryview:
    """The rows as bytes, each ending in a line feed."""
    joined = pc.binary_join_element_wise(*columns, ",")
    ended = pc.binary_join_element_wise(joined, "\n", "")
    # The data buffer of an Arrow array has its strings one after the other.
    _, offsets, text = ended.buffers()
    return memoryview(text)[: np.frombuffer(offsets, dtype=np.int32)[len(ended)]]


def quoted(text: pa.Array) -> pa.Array:
    """In double quotes where the text has a comma, a quote or a line break (RFC 4180)."""
    inside = pc.replace_substring(text, '"', '""')
    return pc.if_else(
        pc.match_substring_regex(text, '[",\r\n]'), pc.binary_join_element_wise('"', inside, '"', ""), text
    )


def integers(values: npt.NDArray[np.int64]) -> pa.Array:
    """Decimal digits."""
    return pc.cast(pa.array(values), pa.string())


def cents(values: npt.NDArray[np.int64]) -> pa.Array:
    """Dollars as Python writes a float: `139.99`, `9.5`, `0.0`."""
    dollars, rest = np.divmod(values, 100)
    return pc.binary_join_element_wise(integers(dollars), pc.take(_HUNDREDTHS, pa.array(rest)), "")


def tenths(values: npt.NDArray[np.int64]) -> pa.Array:
    """Stars, 0 to 5: `4.6`, `0.0`."""
    return pc.take(_TENTHS, pa.array(values))


def flags(values: npt.NDArray[np.bool_]) -> pa.Array:
    """`True` or `False`."""
    return pc.take(_FLAGS, pa.array(values.astype(np.int8)))
