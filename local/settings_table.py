"""`python -m local.settings_table` writes the table in docs/settings.md from shared/settings.py; a test compares."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from local.processes import PROJECT
from shared.settings import Settings

PAGE = PROJECT / "docs" / "settings.md"
_PLACE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def table() -> str:
    """The table in Markdown: name, default, what it is for."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows]) + "\n"


def with_table(text: str) -> str:
    """The page with the table in its place."""
    return _PLACE.sub(lambda _: table(), text)


def _row(name: str, field: FieldInfo) -> str:
    spelled = field.validation_alias if isinstance(field.validation_alias, str) else name.upper()
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f"| `{spelled}` | {'' if default is None else f'`{default}`'} | {field.description} |"


def write(page: Path = PAGE) -> None:
    """Writes the page again."""
    page.write_text(with_table(page.read_text()))


if __name__ == "__main__":
    write()
