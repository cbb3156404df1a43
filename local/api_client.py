"""A client of a local cloud's API."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import httpx

from local import PROJECT
from local.errors import LocalCloudError
from local.state import read_run_file

if TYPE_CHECKING:
    from pathlib import Path

    from local.state import RunFile

# The JSON of a response; openapi.json describes it.
type Json = dict[str, Any]

_TIMEOUT = 60.0  # seconds


class ApiClient:
    """Sends requests, with the token of the user who has logged in."""

    def __init__(self, run: RunFile, state: Path) -> None:
        self.run = run
        self._state = state
        self._http = httpx.Client(base_url=run.api, timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own options
        """Sends a request and returns the response, of any status; raises LocalCloudError without a response."""
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise LocalCloudError(f"The API at {self.run.api} didn't answer {method} {path}: {error}.") from error

    def call(self, method: str, path: str, **options: Any) -> Json:  # noqa: ANN401 - httpx's own options
        """Sends a request and returns the response's JSON; `{}` if it has no body.

        Raises:
            LocalCloudError: there was no response, or its status is an error. The message has the problem's detail.
        """
        reply = self.send(method, path, **options)
        if reply.is_error:
            raise LocalCloudError(f"{method} {path} returned {reply.status_code}: {_detail(reply)}")
        content: Json = reply.json() if reply.content else {}
        return content

    def become_administrator(self, email: str, password: str) -> None:
        """Signs up, makes the user an administrator as `make admin` does, and logs in."""
        self.call("POST", "/auth/signup", json={"email": email, "password": password})
        command = [sys.executable, "-m", "local.admin", "--email", email, "--state", str(self._state)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LocalCloudError(f"{email} couldn't be made an administrator: {done.stderr.strip()}")
        self.log_in(email, password)

    def log_in(self, email: str, password: str) -> None:
        """Logs in; all later requests carry the user's token."""
        tokens = self.call("POST", "/auth/login", json={"email": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {tokens['id_token']}"

    @property
    def token(self) -> str:
        """The ID token of the user who has logged in."""
        return self._http.headers["Authorization"].removeprefix("Bearer ")

    def log_in_as_operator(self) -> None:
        """Logs in as the administrator in the state folder's operator.json, who is created at the first use."""
        file = self._state / "operator.json"
        if file.exists():
            known: dict[str, str] = json.loads(file.read_text())
            if self.send("POST", "/auth/login", json=known).is_success:
                self.log_in(**known)
                return
        fresh = {"email": f"operator-{secrets.token_hex(4)}@example.com", "password": secrets.token_urlsafe(24)}
        self.become_administrator(**fresh)
        file.touch(mode=0o600)
        file.write_text(json.dumps(fresh))


def running_cloud(state: Path) -> RunFile:
    """The run file of the local cloud that runs on this folder.

    Raises:
        LocalCloudError: none runs there.
    """
    run = read_run_file(state)
    if run is None:
        raise LocalCloudError("No local cloud runs here: start it with `make run`.")
    return run


def _detail(reply: httpx.Response) -> str:
    try:
        problem: Json = reply.json()
    except ValueError:
        return reply.text[:200]
    fields = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.get("errors", [])]
    return "; ".join([str(problem.get("detail", "")), *fields])
