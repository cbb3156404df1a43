"""A measured figure, its bound, and the line that `make bench` prints."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Literal

_HOLDS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit of a figure: `Bound("<=", 1.5)`."""

    op: Literal["<=", ">=", "="]
    number: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value. A figure without a bound is only stated."""

    name: str
    value: float
    unit: str
    bound: Bound | None = None

    @property
    def holds(self) -> bool:
        """Whether the value is within its bound."""
        return self.bound is None or _HOLDS[self.bound.op](self.value, self.bound.number)

    def __str__(self) -> str:
        line = f"BENCH {self.name} {self.value:.4g} {self.unit}"
        if self.bound is None:
            return f"{line} stated"
        return f"{line} bound {self.bound.op} {self.bound.number:g} {'ok' if self.holds else 'short'}"
