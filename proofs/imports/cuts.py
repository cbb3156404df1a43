"""A file cut off at every byte: loaded up to there, or refused whole with a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from local.csv_upload import UNFINISHED
from proofs.imports.promise import hold
from proofs.imports.site import site
from tests.imports.corpus.cuts import WHOLE, cut, outcome_of_cut
from tests.imports.corpus.entry import counts_of

_SECONDS = 900.0


def prove(folder: Path) -> Iterator[str]:
    """Drops a file of each length, from nothing to the whole."""
    with site(folder) as cloud:
        sizes = {cloud.drop(f"{size}.csv", cut(size)): size for size in range(WHOLE + 1)}

        def all_ended() -> bool:
            records = list(cloud.records())
            return len(records) == len(sizes) and not any(record["status"] in UNFINISHED for record in records)

        cloud.wait_until(all_ended, "each file's import ends", _SECONDS)
        statuses: Counter[str] = Counter()
        for record in cloud.records():
            size = sizes[record["import_id"]]
            came, expected = (record["status"], counts_of(record)), outcome_of_cut(cut(size))
            hold(true=came == expected, otherwise=f"Cut at byte {size}: expected {expected}, got {came}.")
            said = record["message"] is not None
            hold(true=said == (record["status"] != "succeeded"), otherwise=f"Cut at byte {size}: {record['message']}")
            statuses[record["status"]] += 1
        cloud.nothing_is_left()
        counted = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
        yield f"{len(sizes)} lengths of one file: {counted}"
