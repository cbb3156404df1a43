"""How a merge ends, with its message for the user. The T-SQL procedures return the same columns and messages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, Self


@dataclass(frozen=True)
class Outcome:
    """The outcome of an import; the fields are columns of import_outcomes.

    rows_read = inserted + updated + unchanged + superseded + rejected, where all are known.
    """

    status: Literal["succeeded", "failed", "cancelled"]
    message: str | None = None
    rows_read: int | None = None
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_unchanged: int | None = None
    rows_superseded: int | None = None
    rows_rejected: int | None = None

    @classmethod
    def too_many_rejects(cls, read: int, rejected: int, share: float) -> Self:
        """Nothing is loaded: more rows are bad than IMPORT_MAX_REJECT_SHARE allows."""
        allowed = f"more than the allowed share of {share * 100:g} %"
        message = f"{rejected:,} of {read:,} rows were rejected, {allowed}; nothing was loaded."
        return cls("failed", message, rows_read=read, rows_rejected=rejected)

    @classmethod
    def cancelled_on_request(cls) -> Self:
        """A cancel was requested before the merge committed."""
        return cls("cancelled", "Cancelled on request; nothing was loaded.")

    @classmethod
    def outdated(cls, blob_name: str) -> Self:
        """A later upload of the same blob was merged first."""
        return cls("cancelled", f"A newer upload of {blob_name} was loaded before this one; nothing was loaded.")


OUTCOME_COLUMNS = tuple(field.name for field in dataclasses.fields(Outcome))
