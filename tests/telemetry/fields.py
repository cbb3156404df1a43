"""The names and labels that queries may use; these tests compare them with what the real exporter posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIELDS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "posted_fields.json").read_text())
