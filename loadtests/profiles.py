"""The load profiles: which users, how many, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

type UserClass = Literal["Browsing", "Searching", "Writing"]


@dataclass(frozen=True, slots=True)
class Profile:
    """`users` at once, each of a class drawn by weight, who wait `think_seconds` between requests."""

    summary: str
    weights: dict[UserClass, int]
    users: int
    seconds: float
    think_seconds: float = 0.0
    # A Locust shape sets the number of users over time.
    shaped: bool = False
    # The run is long enough for memory and open files to settle.
    settles: bool = False

    @property
    def writes(self) -> bool:
        """Whether the profile needs an editor's token."""
        return "Writing" in self.weights

    def adapted(self, seconds: float | None, users: int | None) -> Profile:
        """This profile with another length or number of users."""
        return replace(self, seconds=seconds or self.seconds, users=users or self.users)


PROFILES: dict[str, Profile] = {
    "browse": Profile("lists, page after page, and products", {"Browsing": 1}, users=16, seconds=60),
    "search": Profile("words of titles, with and without filters", {"Searching": 1}, users=8, seconds=60),
    "write-mix": Profile("nine who browse to one who writes", {"Browsing": 9, "Writing": 1}, users=20, seconds=60),
    "spike": Profile("4 users who browse, then 64, then 4 again", {"Browsing": 1}, users=64, seconds=60, shaped=True),
    "soak": Profile(
        "all operations at a low rate for half an hour",
        {"Browsing": 8, "Searching": 1, "Writing": 1},
        users=10,
        seconds=1800,
        think_seconds=0.1,
        settles=True,
    ),
}
