"""What has been replied to, and so what a read may still show.

A product's course is the list of its states, each with when its write was sent and when it was replied to. A read
that began at `began` and ended at `ended` may show the last state that had been replied to by `began`, or any that
came after it and was sent before `ended`: nothing older, and nothing that nobody wrote. `grace` is for how long a state
may be shown beyond that: 0 while Redis is reachable, the drain's interval where it isn't.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Shown:
    """What is written of a product and read of it."""

    category_id: int
    reviews: int


type State = Shown | None  # None: it isn't there


@dataclass(slots=True)
class Write:
    """A write of some products, all or none; times of `time.monotonic`, infinite until there is one."""

    states: Mapping[str, State]
    sent: float
    replied: float = math.inf


@dataclass(slots=True)
class Ledger:
    """The courses of all products."""

    grace: float = 0.0
    courses: dict[str, list[Write]] = field(default_factory=dict)

    def begin(self, states: Mapping[str, State]) -> Write:
        """A write is sent now."""
        write = Write(states, time.monotonic())
        for asin in states:
            self.courses.setdefault(asin, []).append(write)
        return write

    def replied(self, write: Write) -> None:
        """It was replied to now."""
        write.replied = time.monotonic()

    def refused(self, write: Write) -> None:
        """It was refused, so it changed nothing."""
        for asin in write.states:
            self.courses[asin].remove(write)
            if not self.courses[asin]:
                del self.courses[asin]

    def unanswered(self) -> list[Write]:
        """The writes whose reply never came."""
        writes = {id(course[-1]): course[-1] for course in self.courses.values() if course}
        return [write for write in writes.values() if write.replied == math.inf]

    def is_known(self, asin: str) -> bool:
        """Whether the product's last write was replied to."""
        course = self.courses.get(asin)
        return bool(course and course[-1].replied < math.inf)

    def before(self, write: Write, asin: str) -> State:
        """The product's state before its last write."""
        course = self.courses[asin]
        assert course[-1] is write
        return course[-2].states[asin] if len(course) > 1 else None

    def now(self, asin: str) -> State:
        """The product's newest state, replied to or not."""
        course = self.courses.get(asin)
        return course[-1].states[asin] if course else None

    def allowed(self, asin: str, began: float, ended: float) -> list[State]:
        """The states that a read may show, newest first.

        One that isn't here was never sent, or has been gone for so long that it was forgotten while the read went on.
        """
        found: list[State] = []
        for write in reversed(self.courses.get(asin, ())):
            if write.sent < ended:
                found.append(write.states[asin])
            if write.replied <= began - self.grace:
                return found
        return [*found, None]

    def wrong_product(self, asin: str, shown: State, began: float, ended: float) -> str | None:
        """A sentence where a product's page shows what it mustn't."""
        allowed = self.allowed(asin, began, ended)
        return None if shown in allowed else f"{asin}: {shown}, expected {_told(allowed)}"

    def wrong_page(self, category_id: int | None, page: Any, began: float, ended: float) -> Iterator[str]:  # noqa: ANN401  # JSON
        """Sentences where a list of all products (of a category) shows what it mustn't."""
        items = {item["asin"]: Shown(item["category_id"], item["reviews"]) for item in page["items"]}
        if page["total"] != len(items):
            yield f"total {page['total']} of {len(items)} items"
        for asin in self.courses:
            allowed = self.allowed(asin, began, ended)
            shown = items.get(asin)
            possible = {state if _is_in(category_id, state) else None for state in allowed}
            if shown not in possible:
                yield f"list {category_id or ''}: {asin} {shown}, expected {_told(allowed)}"
        strangers = items.keys() - self.courses.keys()
        if strangers:
            yield f"list {category_id or ''}: {sorted(strangers)} that nobody wrote"

    def wrong_counts(self, categories: Any, began: float, ended: float) -> Iterator[str]:  # noqa: ANN401  # JSON
        """Sentences where list_categories counts what it mustn't."""
        allowed = [self.allowed(asin, began, ended) for asin in self.courses]
        for category in categories["items"]:
            inside = [[_is_in(category["id"], state) for state in states] for states in allowed]
            least, most = sum(map(all, inside)), sum(map(any, inside))
            if not least <= category["product_count"] <= most:
                yield f"count of {category['id']}: {category['product_count']}, expected {least} to {most}"


def _is_in(category_id: int | None, state: State) -> bool:
    return state is not None and category_id in {None, state.category_id}


def _told(states: Sequence[State]) -> str:
    return " or ".join(map(str, states[:3])) + (" …" if len(states) > 3 else "")
