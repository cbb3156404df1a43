"""Takes a row's values out of a server's error, which goes to the log: a title, a word that was searched for.

The messages are SQL Server's 2601, 2627 (duplicate key), 2628 (truncated), 245 (converting the … value), 7630 (full
text), and FTS5's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

# Greedy: a value may contain quotes and brackets of its own.
_QUOTED = re.compile(r"""\b(value(?: is|:)?|condition|near) (?:\(.*\)(?=\.)|'.*'|".*")""", re.DOTALL | re.IGNORECASE)


def redact_values(error: DBAPIError) -> None:
    """Replaces the values in the driver's error and in SQLAlchemy's, which contains the driver's text."""
    driver = error.orig
    if driver is None:
        return
    before = str(driver)
    driver.args = tuple(_QUOTED.sub(r"\1 …", each) if isinstance(each, str) else each for each in driver.args)
    error.args = tuple(str(each).replace(before, str(driver)) for each in error.args)
