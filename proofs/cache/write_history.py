"""The history of writes, and what a read may show.

The history has each product's writes, with the times at which they were sent and acknowledged. A read that began at
`began` and ended at `ended` may show the last state that was acknowledged by `began`, or a later state that was sent
before `ended`. It may not show an older state, or one that was never written. `grace` is how many seconds longer an
older state may be shown: 0 while Redis is reachable, else the drain's interval.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Product:
    """The fields of a product that are written and compared."""

    category_id: int
    reviews: int


type State = Product | None  # None: there is no such product


@dataclass(slots=True)
class Write:
    """A write of some products in one transaction; times are of `time.monotonic`, infinite if not yet known."""

    states: Mapping[str, State]
    sent: float
    acknowledged: float = math.inf


@dataclass(slots=True)
class History:
    """The writes of all products, in the order in which they were sent."""

    grace: float = 0.0
    writes: dict[str, list[Write]] = field(default_factory=dict)

    def begin(self, states: Mapping[str, State]) -> Write:
        """Adds a write that is sent now."""
        write = Write(states, time.monotonic())
        for asin in states:
            self.writes.setdefault(asin, []).append(write)
        return write

    def acknowledge(self, write: Write) -> None:
        """Notes that the write's reply came now."""
        write.acknowledged = time.monotonic()

    def discard(self, write: Write) -> None:
        """Removes a write that changed nothing."""
        for asin in write.states:
            self.writes[asin].remove(write)
            if not self.writes[asin]:
                del self.writes[asin]

    def unanswered(self) -> list[Write]:
        """The writes without a reply."""
        last = {id(writes[-1]): writes[-1] for writes in self.writes.values() if writes}
        return [write for write in last.values() if write.acknowledged == math.inf]

    def is_known(self, asin: str) -> bool:
        """Whether the product's last write was acknowledged."""
        writes = self.writes.get(asin)
        return bool(writes and writes[-1].acknowledged < math.inf)

    def before(self, write: Write, asin: str) -> State:
        """The product's state before its last write."""
        writes = self.writes[asin]
        assert writes[-1] is write
        return writes[-2].states[asin] if len(writes) > 1 else None

    def now(self, asin: str) -> State:
        """The product's newest state, acknowledged or not."""
        writes = self.writes.get(asin)
        return writes[-1].states[asin] if writes else None

    def allowed(self, asin: str, began: float, ended: float) -> list[State]:
        """The states that a read may show, newest first.

        A product without a history was never sent, or was deleted so long ago that the history no longer has it.
        """
        found: list[State] = []
        for write in reversed(self.writes.get(asin, ())):
            if write.sent < ended:
                found.append(write.states[asin])
            if write.acknowledged <= began - self.grace:
                return found
        return [*found, None]

    def wrong_product(self, asin: str, shown: State, began: float, ended: float) -> str | None:
        """A sentence if a product's page shows a state that it may not show."""
        allowed = self.allowed(asin, began, ended)
        return None if shown in allowed else f"{asin}: {shown}, expected {_joined(allowed)}"

    def wrong_page(self, category_id: int | None, page: Any, began: float, ended: float) -> Iterator[str]:  # noqa: ANN401  # JSON
        """Sentences if a list of all products, or of a category's, shows what it may not show."""
        items = {item["asin"]: Product(item["category_id"], item["reviews"]) for item in page["items"]}
        if page["total"] != len(items):
            yield f"total {page['total']} of {len(items)} items"
        for asin in self.writes:
            allowed = self.allowed(asin, began, ended)
            shown = items.get(asin)
            possible = {state if _is_in(category_id, state) else None for state in allowed}
            if shown not in possible:
                yield f"list {category_id or ''}: {asin} {shown}, expected {_joined(allowed)}"
        unknown = items.keys() - self.writes.keys()
        if unknown:
            yield f"list {category_id or ''}: {sorted(unknown)} that were never written"

    def wrong_counts(self, categories: Any, began: float, ended: float) -> Iterator[str]:  # noqa: ANN401  # JSON
        """Sentences if list_categories shows a count that it may not show."""
        allowed = [self.allowed(asin, began, ended) for asin in self.writes]
        for category in categories["items"]:
            inside = [[_is_in(category["id"], state) for state in states] for states in allowed]
            least, most = sum(map(all, inside)), sum(map(any, inside))
            if not least <= category["product_count"] <= most:
                yield f"count of {category['id']}: {category['product_count']}, expected {least} to {most}"


def _is_in(category_id: int | None, state: State) -> bool:
    return state is not None and category_id in {None, state.category_id}


def _joined(states: Sequence[State]) -> str:
    return " or ".join(map(str, states[:3])) + (" …" if len(states) > 3 else "")
