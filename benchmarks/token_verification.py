"""CPU of verifying an ID token, relative to one PyJWT RS256 decode (public key loaded, audience and issuer checked).

`seen` is a token that was verified less than 60 s ago. `unseen` is another token of a user whose account was requested
from Firebase less than 60 s ago. The CPU of the thread that verifies it is included.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator

import jwt
import pytest

from benchmarks.figure import Bound, Figure
from shared.services import Services
from shared.settings import Settings
from testkit.fake_google import PROJECT, FakeGoogle

_ROUNDS = 7
_PER_ROUND = 200


async def _cpu_seconds(work: Callable[[int], Awaitable[object]], times: int) -> float:
    began = time.process_time()
    for number in range(times):
        await work(number)
    return (time.process_time() - began) / times


async def measure(google: FakeGoogle) -> dict[str, float]:
    """Both ratios, each the median of the rounds."""
    settings = Settings.model_validate(
        {
            "azure_functions_environment": "Development",
            "firebase_project_id": PROJECT,
            "firebase_service_account": google.service_account,
            "redis_url": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
        }
    )
    identity = Services(settings).identity
    key = google.key.public_key()
    issuer = f"https://securetoken.google.com/{PROJECT}"
    first = google.token("ada", role="editor")
    await identity.verify(first)

    async def decode(_: int) -> object:
        return jwt.decode(first, key, ["RS256"], audience=PROJECT, issuer=issuer)

    async def seen(_: int) -> object:
        return await identity.verify(first)

    ratios: dict[str, list[float]] = {"seen": [], "unseen": []}
    for turn in range(_ROUNDS):
        fresh = [google.token("ada", role="editor", turn=turn, number=number) for number in range(_PER_ROUND)]
        decoded = await _cpu_seconds(decode, _PER_ROUND)
        ratios["seen"].append(await _cpu_seconds(seen, _PER_ROUND) / decoded)
        unseen = await _cpu_seconds(lambda number, fresh=fresh: identity.verify(fresh[number]), _PER_ROUND)  # type: ignore[misc]  # mypy can't infer a lambda with a default
        ratios["unseen"].append(unseen / decoded)
    await identity.close()
    return {name: round(statistics.median(values), 3) for name, values in ratios.items()}


def figures() -> Iterator[Figure]:
    """The cost of verifying a token that was seen, and of one that wasn't."""
    with FakeGoogle().serving() as google, pytest.MonkeyPatch.context() as patch:
        google.stand_in(patch)
        ratios = asyncio.run(measure(google))
    yield Figure("token_verification_vs_pyjwt_seen", ratios["seen"], "x", Bound("<=", 1.0))
    yield Figure("token_verification_vs_pyjwt_unseen", ratios["unseen"], "x", Bound("<=", 8))
