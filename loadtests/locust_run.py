"""One run of Locust, in a process of its own, since it patches the standard library's sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from loadtests.profiles import Profile
from loadtests.target import TOKEN, Target

PROJECT = Path(__file__).parent.parent
RAW_FILE, REPORT_FILE, LOG_FILE = "requests.csv", "report.html", "locust.log"


def run(profile: Profile, target: Target, folder: Path) -> int:
    """Runs the profile against an API, and writes its files to `folder`. Returns 1 if a request failed."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = [json.dumps({"user_class_name": name, "weight": weight}) for name, weight in profile.weights.items()]
    length = [] if profile.shaped else ["--users", str(profile.users), "--spawn-rate", str(profile.users)]
    command = [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("--locustfile", "loadtests/users.py" + (",loadtests/spike_shape.py" if profile.shaped else "")),
        *("--host", target.url.removesuffix("/").removesuffix("/api")),
        *([] if profile.shaped else ["--run-time", f"{profile.seconds:g}s"]),
        *(*length, "--stop-timeout", "10"),
        *("--html", str(folder / REPORT_FILE)),
        *("--config-users", *weights, "--", *profile.weights),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "LOAD_RAW": str(folder / RAW_FILE),
        "LOAD_SECONDS": str(profile.seconds),
        "LOAD_THINK_SECONDS": str(profile.think_seconds),
        **({TOKEN: target.token} if target.token else {}),
    }
    with (folder / LOG_FILE).open("wb") as log:
        return subprocess.run(
            command, cwd=PROJECT, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
