"""Files as users upload them, most of them with some fault, each with its expected result."""

from __future__ import annotations

from collections.abc import Sequence

from tests.imports.corpus.entry import Entry
from tests.imports.corpus.form import FORM
from tests.imports.corpus.headers import HEADERS
from tests.imports.corpus.values import VALUES

CORPUS: Sequence[Entry] = (*FORM, *HEADERS, *VALUES)
