"""The table of settings in docs/settings.md is made from the code."""

from __future__ import annotations

from local.settings_table import PAGE, table, with_table


def test_the_table_of_settings_is_made_from_the_code() -> None:
    text = PAGE.read_text()
    assert table() in text
    assert with_table(text) == text, "run `make golden`"
