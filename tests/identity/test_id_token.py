"""ID tokens are decoded by Firebase's rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest

from shared.http.problems import UnauthorizedError
from shared.identity.id_token import IdTokenDecoder
from shared.settings import Settings
from testkit.fake_google import PROJECT, FakeGoogle


def decode(token: str, **settings: str) -> Mapping[str, Any]:
    configured = Settings(azure_functions_environment="Development", firebase_project_id=PROJECT, **settings)  # type: ignore[arg-type]  # texts of any field

    async def run() -> Mapping[str, Any]:
        async with httpx.AsyncClient() as client:
            return await IdTokenDecoder(configured, client).claims(token)

    return asyncio.run(run())


@pytest.mark.parametrize("changes", [{"sub": "x" * 128}, {"iat": 3}, {"auth_time": 3}, {"email": None}, {"exp": -2}])
def test_a_valid_token_gives_its_claims(google: FakeGoogle, changes: dict[str, Any]) -> None:
    now = int(time.time())
    changes = {name: now + value if isinstance(value, int) else value for name, value in changes.items()}
    assert decode(google.token("ada", **changes)).items() >= {"aud": PROJECT, **changes}.items() - {("email", None)}


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": 7},
        {"exp": None},
        {"exp": 0},
        {"exp": "soon"},
        {"iat": None},
        {"iat": 2**33},
        {"auth_time": None},
        {"auth_time": 2**33},
        {"auth_time": []},
        {"aud": None},
        {"aud": [PROJECT]},
        {"aud": "another-project"},
        {"iss": None},
        {"iss": "https://securetoken.google.com/another-project"},
        {"kid": "key-2"},
    ],
)
def test_a_token_that_breaks_a_rule_is_refused(google: FakeGoogle, changes: dict[str, Any]) -> None:
    with pytest.raises(UnauthorizedError):
        decode(google.token("ada", **changes))


def test_only_rs256_by_googles_key_is_accepted(google: FakeGoogle) -> None:
    claims = google.claims("ada")
    for token in (
        google.unsigned_token("ada"),
        google.confused_token("ada"),
        FakeGoogle().token("ada"),
        jwt.encode(claims, google.key, "RS384", {"kid": "key-1"}),
        jwt.encode(claims, google.key, "RS256"),
    ):
        with pytest.raises(UnauthorizedError):
            decode(token)


def test_an_unsigned_token_is_accepted_only_with_the_emulator(google: FakeGoogle) -> None:
    emulator = {"firebase_auth_emulator_host": "127.0.0.1:9099"}
    assert decode(google.unsigned_token("ada"), **emulator)["sub"] == "ada"
    for changes in ({"aud": "another-project"}, {"exp": 0}, {"sub": ""}):
        with pytest.raises(UnauthorizedError):
            decode(jwt.encode(google.claims("ada", **changes), "", "none"), **emulator)
