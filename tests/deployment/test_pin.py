"""`make pin`: tags become commits and digests, and can be looked up anew."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import pin

_COMMIT, _NEWER = "a" * 40, "b" * 40
_DIGEST = "sha256:" + "c" * 64


def test_an_action_keeps_its_tag_beside_its_commit() -> None:
    pinned = pin.pin_actions("      - uses: actions/checkout@v6\n", lambda *_: _COMMIT)
    assert pinned == f"      - uses: actions/checkout@{_COMMIT} # v6\n"
    assert pin.pin_actions(pinned, lambda *_: _NEWER) == f"      - uses: actions/checkout@{_NEWER} # v6\n"


def test_an_action_in_a_folder_is_looked_up_in_its_repository() -> None:
    pinned = pin.pin_actions("uses: github/codeql-action/init@v4", lambda repository, tag: f"{repository}={tag}")
    assert pinned == "uses: github/codeql-action/init@github/codeql-action=v4 # v4"


def test_a_workflow_of_our_own_is_left_alone() -> None:
    text = "    uses: ./.github/workflows/ci.yml\n"
    assert pin.pin_actions(text, lambda *_: _COMMIT) == text


def test_an_image_keeps_its_tag_before_its_digest() -> None:
    pinned = pin.pin_images(
        "ARG BASE_IMAGE=mcr.microsoft.com/azure-functions/python:4-python3.13\n", lambda *_: _DIGEST
    )
    assert pinned == f"ARG BASE_IMAGE=mcr.microsoft.com/azure-functions/python:4-python3.13@{_DIGEST}\n"
    assert pin.pin_images(pinned, lambda *_: _DIGEST) == pinned


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def host(tmp_path: Path) -> str:
    """A folder of repositories in GitHub's place, with owner/name in it."""
    repository = tmp_path / "owner" / "name"
    repository.mkdir(parents=True)
    _git(repository, "init", "--quiet")
    _git(repository, "commit", "--quiet", "--allow-empty", "-m", "x")
    _git(repository, "tag", "v1")
    _git(repository, "tag", "-a", "v2", "-m", "x")
    return str(tmp_path)


def test_a_tag_gives_its_commit_annotated_or_not(host: str) -> None:
    commit = _git(Path(host) / "owner" / "name", "rev-parse", "HEAD")
    assert pin.commit_of("owner/name", "v1", host) == commit
    assert pin.commit_of("owner/name", "v2", host) == commit


def test_a_tag_that_is_not_there_is_named(host: str) -> None:
    with pytest.raises(pin.UnknownTagError, match="owner/name has no tag v9"):
        pin.commit_of("owner/name", "v9", host)


class _Registry(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/v2/some/image/manifests/4-x" else 404)
        self.send_header("Docker-Content-Digest", _DIGEST)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    """host:port of a registry with some/image:4-x."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_registry_is_asked_for_a_tags_digest(registry: str) -> None:
    assert pin.digest_of(registry, "some/image", "4-x", "http") == _DIGEST
    with pytest.raises(pin.UnknownTagError, match="has no tag 5"):
        pin.digest_of(registry, "some/image", "5", "http")
