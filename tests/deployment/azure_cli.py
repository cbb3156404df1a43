"""infra/'s scripts with stand-ins for az, azd and curl that write down how they were called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from local import PROJECT
from tests.deployment import bicep

OUTPUTS = {
    name: f"the-{name.lower().replace('_', '-')}" for name in bicep.parsed(bicep.INFRA / "main.bicep")["outputs"]
}

# Answers what the scripts read; keeps the arguments, and what a --file holds.
_AZ = """
import json, os, sys
arguments = sys.argv[1:]
call = {"arguments": arguments}
if "--file" in arguments and arguments[:3] == ["keyvault", "secret", "set"]:
    call["secret"] = open(arguments[arguments.index("--file") + 1]).read()
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(call) + "\\n")
    calls.flush()
    times = sum(json.loads(line)["arguments"][:3] == arguments[:3] for line in open(os.environ["CALLS"]))
command = " ".join(arguments[:3])
query = arguments[arguments.index("--query") + 1] if "--query" in arguments else ""
answers = {
    "container show --resource-group": os.environ["JOB_STATUS" if query.endswith("exitCode") else "JOB_STATE"],
    "functionapp config show": "DOCKER|registry/product-catalog:running",
    "functionapp list --resource-group": "app-x",
    "keyvault secret list": os.environ["SECRETS"],
    "keyvault list-deleted --resource-type": os.environ["DELETED_VAULT"],
    "group exists --name": os.environ["GROUP_EXISTS"],
    "account show --query": os.environ["SUBSCRIPTION"],
}
if command == "deployment sub show":
    print(json.loads(os.environ["OUTPUTS"])[query.split(".")[2]])
elif "events" in query:
    print("the image can't be pulled")
elif answers.get(command):
    print(answers[command])
failing, _, until = os.environ["FAILING"].partition("|")
if failing and command.startswith(failing) and times <= int(until or 99):
    sys.exit(1)
"""
_AZD = """
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps({"arguments": ["azd", *sys.argv[1:]]}) + "\\n")
"""
_CURL = """
import json, os, sys
body = sys.stdin.read() if "@-" in sys.argv else ""
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps({"arguments": ["curl", *sys.argv[1:]], "body": body}) + "\\n")
if sys.argv[-1].endswith("signup"):
    print("201", end="")
if sys.argv[-1].endswith("password-reset"):
    print("202", end="")
"""

type Call = dict[str, object]


def run(
    folder: Path, script: str, *arguments: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    """Runs infra/`script` in a new folder; gives what came of it and the calls that it made.

    What Azure has is told by GROUP_EXISTS, DELETED_VAULT, SECRETS, SUBSCRIPTION; a job ends with JOB_STATUS. FAILING is
    how a command begins that fails: each time, or as often as the number behind a | says.
    """
    interpreter = f"#!{sys.executable} -SE"
    programs = {"az": interpreter + _AZ, "azd": interpreter + _AZD, "curl": interpreter + _CURL, "sleep": "#!/bin/sh\n"}
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    calls.touch()
    defaults = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "CALLS": str(calls),
        "OUTPUTS": json.dumps(OUTPUTS),
        "JOB_STATE": "Terminated",
        "JOB_STATUS": "0",
        "SECRETS": "a-secret",
        "GROUP_EXISTS": "false",
        "DELETED_VAULT": "",
        "SUBSCRIPTION": "a-subscription",
        "FAILING": "",
    }
    done = subprocess.run(
        [PROJECT / "infra" / script, *arguments],
        env=defaults | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, [json.loads(line) for line in calls.read_text().splitlines()]


def commands(calls: list[Call]) -> list[str]:
    """The calls as one would type them, without quotes."""
    return [" ".join(map(str, call["arguments"])) for call in calls if isinstance(call["arguments"], list)]


def position(commands: list[str], *words: str) -> int:
    """Where the one command with all these words stands."""
    (found,) = (number for number, command in enumerate(commands) if all(word in command for word in words))
    return found
