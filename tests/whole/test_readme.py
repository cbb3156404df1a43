"""Runs the README's curl examples, unchanged, against a local cloud."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local import PROJECT
from testkit.local_cloud import LocalCloud

BLOCKS = re.findall(r"```sh\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def fresh(start_cloud: Callable[..., LocalCloud]) -> LocalCloud:
    """A local cloud without users."""
    return start_cloud()


def test_each_example_of_the_readme_does_what_it_says(fresh: LocalCloud, tmp_path: Path) -> None:
    examples = "\n".join(BLOCKS).replace("http://127.0.0.1:7071/api", fresh.run.api)
    script = tmp_path / "examples.sh"
    # `curl -f`: an HTTP error ends the script, as `set -e` does for any other.
    script.write_text('set -eu\nset -x\ncurl() { command curl -f -sS "$@"; echo; }\n' + examples)
    environment = os.environ | {"STATE": str(fresh.state)}
    done = subprocess.run(
        ["bash", str(script)], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "Travel telescope" in done.stdout
    assert "x-cache: MISS" in done.stdout
