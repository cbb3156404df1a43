"""Records the events of a fixture app for its test: a line of JSON for each, in the file that EVENTS names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def record(**event: Any) -> None:
    with Path(os.environ["EVENTS"]).open("a") as events:
        events.write(json.dumps(event) + "\n")
