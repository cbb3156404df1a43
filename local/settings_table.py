"""`python -m local.settings_table` writes the table in docs/settings.md from shared/settings.py; a test compares."""

from __future__ import annotations

import re

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from local import PROJECT
from shared.settings import Settings

PAGE = PROJECT / "docs" / "settings.md"
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def table() -> str:
    """The table in Markdown: name, default, description."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows]) + "\n"


def with_table(text: str) -> str:
    """The page with the table in its place."""
    return _TABLE.sub(lambda _: table(), text)


def _row(name: str, field: FieldInfo) -> str:
    spelled = field.validation_alias if isinstance(field.validation_alias, str) else name.upper()
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f"| `{spelled}` | {'' if default is None else f'`{default}`'} | {field.description} |"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
