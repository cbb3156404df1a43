"""Files as people drop them, most of them wrong in some way, each with what must come of it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.imports.corpus.entry import Entry
from tests.imports.corpus.form import FORM
from tests.imports.corpus.headers import HEADERS
from tests.imports.corpus.values import VALUES

CORPUS: Sequence[Entry] = (*FORM, *HEADERS, *VALUES)
