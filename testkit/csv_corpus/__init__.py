"""Files as people drop them, most of them wrong in some way, each with what must come of it."""

from __future__ import annotations

from collections.abc import Sequence

from testkit.csv_corpus.entry import Entry
from testkit.csv_corpus.form import FORM
from testkit.csv_corpus.headers import HEADERS
from testkit.csv_corpus.values import VALUES

CORPUS: Sequence[Entry] = (*FORM, *HEADERS, *VALUES)
