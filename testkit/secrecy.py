"""Finds secrets in logs and errors. The tests' own secrets contain a mark, and tokens have a known form."""

from __future__ import annotations

import re

import httpx

# The mark of passwords and keys, an ID token (two base64 JSON objects), or a refresh token of the emulator.
_SECRET = re.compile(r"S3CRET|eyJ[\w-]{10,}\.eyJ[\w-]{10,}|eyJfQXV0aEVtdWxhdG9y")


def secret_in(text: str) -> str | None:
    """The first secret in a text, with the text around it."""
    found = _SECRET.search(text)
    return text[max(0, found.start() - 200) : found.end() + 50] if found else None


def refuse_secrets_in_errors(reply: httpx.Response) -> None:
    """An event hook of a test's client. It fails if the body of an error contains a secret."""
    if reply.is_error:
        reply.read()
        assert secret_in(reply.text) is None, secret_in(reply.text)
