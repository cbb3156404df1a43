"""What queries may name: the names and labels that the real exporter posts; the tests of this room keep it true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIELDS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "posted_fields.json").read_text())
