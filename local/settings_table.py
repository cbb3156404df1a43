"""`python -m local.settings_table`: updates the README's table of settings from shared/settings.py."""

from __future__ import annotations

import re

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from local.processes import PROJECT
from shared.settings import Settings

README = PROJECT / "README.md"
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def table() -> str:
    """The table in Markdown: name, default, description."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows]) + "\n"


def with_table(text: str) -> str:
    """The README's text with the table between its two markers."""
    return _TABLE.sub(lambda _: table(), text)


def _row(name: str, field: FieldInfo) -> str:
    spelled = field.validation_alias if isinstance(field.validation_alias, str) else name.upper()
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f"| `{spelled}` | {'' if default is None else f'`{default}`'} | {field.description} |"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
