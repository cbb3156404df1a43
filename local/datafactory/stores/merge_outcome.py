"""What a merge makes of an import, with its sentence for people. The T-SQL procedures say the same."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from local.datafactory.json_values import Json


@dataclass(frozen=True)
class ImportRecord:
    """What the merge asks an import's record for."""

    blob_name: str
    sequence: int
    max_reject_share: float
    cancel_requested: bool


@dataclass(frozen=True)
class Counts:
    """read = inserted + updated + unchanged + superseded + rejected, where all are known."""

    read: int | None = None
    inserted: int | None = None
    updated: int | None = None
    unchanged: int | None = None
    superseded: int | None = None
    rejected: int | None = None

    def as_tuple(self) -> tuple[int | None, ...]:
        """The counts in the order of import_outcomes' columns."""
        return dataclasses.astuple(self)


@dataclass(frozen=True)
class Outcome:
    """How an import ended."""

    status: Literal["succeeded", "failed", "cancelled"]
    message: str | None
    counts: Counts

    @classmethod
    def succeeded(cls, counts: Counts) -> Outcome:
        """All good rows are in."""
        return cls("succeeded", None, counts)

    @classmethod
    def too_many_rejects(cls, read: int, rejected: int, share: float) -> Outcome:
        """Refused whole: more bad rows than IMPORT_MAX_REJECT_SHARE allows."""
        allowed = f"more than the allowed share of {share * 100:g} %"
        message = f"{rejected:,} of {read:,} rows were rejected, {allowed}; nothing was loaded."
        return cls("failed", message, Counts(read=read, rejected=rejected))

    @classmethod
    def cancelled_on_request(cls) -> Outcome:
        """Somebody cancelled it in time."""
        return cls("cancelled", "Cancelled on request; nothing was loaded.", Counts())

    @classmethod
    def outdated(cls, blob_name: str) -> Outcome:
        """A later upload of the same blob came first."""
        return cls(
            "cancelled", f"A newer upload of {blob_name} was loaded before this one; nothing was loaded.", Counts()
        )

    def as_row(self, import_id: str) -> dict[str, Json]:
        """The one row that the procedure returns."""
        counts = {f"rows_{name}": count for name, count in dataclasses.asdict(self.counts).items()}
        return {"import_id": import_id, "status": self.status, "message": self.message, **counts}
