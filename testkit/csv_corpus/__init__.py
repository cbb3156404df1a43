"""Files as users upload them, most of them with some fault, each with its expected result."""

from __future__ import annotations

from collections.abc import Sequence

from testkit.csv_corpus.entry import Entry
from testkit.csv_corpus.form import FORM
from testkit.csv_corpus.headers import HEADERS
from testkit.csv_corpus.values import VALUES

CORPUS: Sequence[Entry] = (*FORM, *HEADERS, *VALUES)
