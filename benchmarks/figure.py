"""One measured figure, the bound it is held to, and the line that tells both."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Literal

_HOLDS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure is held to: `Bound("<=", 1.5)`."""

    op: Literal["<=", ">=", "="]
    number: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; without a bound it is stated only."""

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
