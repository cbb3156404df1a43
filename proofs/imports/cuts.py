"""A file cut off at every byte: its rows up to there are loaded, or it is rejected with a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from local.csv_upload import UNFINISHED
from proofs.imports.scenario import administered_cloud, check, wait_until_nothing_is_left
from testkit.csv_corpus.cuts import WHOLE, cut, outcome_of_cut
from testkit.csv_corpus.entry import counts_of
from testkit.waiting import wait_until

_SECONDS = 900.0


def prove(folder: Path) -> Iterator[str]:
    """Drops a file of each length, from an empty one to the whole file."""
    with administered_cloud(folder) as cloud:
        sizes = {cloud.upload(f"{size}.csv", cut(size)): size for size in range(WHOLE + 1)}

        def all_ended() -> bool:
            records = list(cloud.records())
            return len(records) == len(sizes) and not any(record["status"] in UNFINISHED for record in records)

        wait_until(all_ended, "each file's import has ended", _SECONDS)
        statuses: Counter[str] = Counter()
        for record in cloud.records():
            size = sizes[record["import_id"]]
            came, expected = (record["status"], counts_of(record)), outcome_of_cut(cut(size))
            check(came == expected, f"Cut at byte {size}: expected {expected}, got {came}.")
            has_message = record["message"] is not None
            check(has_message == (record["status"] != "succeeded"), f"Cut at byte {size}: {record['message']}")
            statuses[record["status"]] += 1
        wait_until_nothing_is_left(cloud)
        counted = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
        yield f"{len(sizes)} lengths of one file: {counted}"
