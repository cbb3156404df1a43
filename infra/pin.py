"""`make pin`: pins images to digests and GitHub actions to commits.

A tag may move; a digest or commit doesn't. Run it again to update: the commit shows what has changed. Needs a network.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

_PROJECT = Path(__file__).resolve().parent.parent
_ACTION = re.compile(r"(uses: )([\w.-]+/[\w.-]+)((?:/[\w./-]+)?)@(\S+)(?: # (\S+))?")
_IMAGE = re.compile(r"\b(mcr\.microsoft\.com)/([\w./-]+):([\w.-]+)(@sha256:[0-9a-f]{64})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# https://distribution.github.io/distribution/spec/api/#digest-header
_MANIFESTS = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"


class UnknownTagError(Exception):
    """The registry or repository doesn't have the tag."""


def pin_actions(text: str, commit_of: Callable[[str, str], str]) -> str:
    """Replaces `uses: owner/name@v6` by `uses: owner/name@<commit> # v6`, and updates the commit of a pinned action."""

    def pinned(match: re.Match[str]) -> str:
        uses, repository, path, version, tag = match.groups()
        tag = tag or version
        if _COMMIT.fullmatch(tag):
            return match[0]  # a commit without a tag can't be updated
        return f"{uses}{repository}{path}@{commit_of(repository, tag)} # {tag}"

    return _ACTION.sub(pinned, text)


def pin_images(text: str, digest_of: Callable[[str, str, str], str]) -> str:
    """Replaces `mcr.microsoft.com/name:tag` by `mcr.microsoft.com/name:tag@sha256:…`, and updates the digest."""

    def pinned(match: re.Match[str]) -> str:
        registry, name, tag, _digest = match.groups()
        return f"{registry}/{name}:{tag}@{digest_of(registry, name, tag)}"

    return _IMAGE.sub(pinned, text)


def commit_of(repository: str, tag: str, host: str = "https://github.com") -> str:
    """The commit of a repository's tag. Raises UnknownTagError."""
    listed = subprocess.run(
        ["git", "ls-remote", f"{host}/{repository}", f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    commits = [line.split()[0] for line in listed.stdout.splitlines()]
    if not commits:
        raise UnknownTagError(f"{repository} has no tag {tag}.")
    return commits[-1]  # for an annotated tag, its own id comes first


def digest_of(registry: str, name: str, tag: str, scheme: str = "https") -> str:
    """The digest of an image's tag. Raises UnknownTagError."""
    url = f"{scheme}://{registry}/v2/{name}/manifests/{tag}"
    reply = httpx.head(url, headers={"Accept": _MANIFESTS}, follow_redirects=True, timeout=30)
    if reply.status_code == httpx.codes.NOT_FOUND:
        raise UnknownTagError(f"{registry}/{name} has no tag {tag}.")
    return reply.raise_for_status().headers["Docker-Content-Digest"]


def main() -> int:
    """Updates the Dockerfile and the workflows; returns the exit status."""
    changes: dict[Path, Callable[[str], str]] = {_PROJECT / "Dockerfile": lambda text: pin_images(text, digest_of)}
    for workflow in (_PROJECT / ".github" / "workflows").glob("*.yml"):
        changes[workflow] = lambda text: pin_images(pin_actions(text, commit_of), digest_of)
    try:
        for path, change in changes.items():
            before = path.read_text()
            after = change(before)
            path.write_text(after)
            print(f"{path.relative_to(_PROJECT)}: {'updated' if after != before else 'unchanged'}")
    except (UnknownTagError, httpx.HTTPError, subprocess.CalledProcessError) as error:
        print(f"Stopped; the files above are done: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
