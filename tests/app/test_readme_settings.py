"""The README's table of settings is made from the code."""

from __future__ import annotations

from local.settings_table import README, table, with_table


def test_the_readme_has_the_table_of_the_code() -> None:
    text = README.read_text()
    assert table() in text
    assert with_table(text) == text, "run `python -m local.settings_table`"
