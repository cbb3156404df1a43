"""What the token verifier caches, for how long, and how much of it."""

from __future__ import annotations

import asyncio
import logging
import time

import httpx
import pytest

from shared.api import create_app
from shared.identity import token_verifier
from shared.services import Services
from testkit.fake_google import FakeGoogle
from testkit.waiting import wait_until

ME = "/api/auth/me"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_keys_and_accounts_are_fetched_once(real_api: httpx.Client, google: FakeGoogle) -> None:
    for number in range(10):
        for token in [google.token("ada", n=number)] * 3:
            assert real_api.get(ME, headers=bearer(token)).status_code == 200
    assert google.requests["jwks"] == 1
    # A second time if the first fetch began before this instance had subscribed to revocations.
    assert google.requests["accounts:lookup"] <= 2


def test_keys_are_fetched_again_after_their_max_age(real_api: httpx.Client, google: FakeGoogle) -> None:
    google.keys_max_age = 1

    def fetched_again() -> bool:
        token = google.token("ada", n=google.requests.total(), m=len(google.bodies))
        # 503: loading firebase-admin for the first reply may take longer than the time limit on a busy machine.
        assert real_api.get(ME, headers=bearer(token)).status_code in {200, 503}
        return google.requests["jwks"] > 1

    assert not fetched_again()
    wait_until(fetched_again, "the keys are fetched again", 10)


def test_a_token_of_a_new_key_is_accepted_once_the_keys_are_fetched_again(
    real_api: httpx.Client, google: FakeGoogle
) -> None:
    google.keys_max_age = 1
    token = google.token("ada", kid="key-2")
    assert real_api.get(ME, headers=bearer(token)).status_code == 401
    google.keys["key-2"] = google.keys.pop("key-1")
    wait_until(lambda: real_api.get(ME, headers=bearer(token)).status_code == 200, "the new key is known", 10)


def test_a_disabled_user_is_refused_when_the_cached_account_is_too_old(
    real_api: httpx.Client, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert token_verifier.ACCOUNT_SECONDS == 60
    monkeypatch.setattr(token_verifier, "ACCOUNT_SECONDS", 0.3)
    token = google.token("ada")
    assert real_api.get(ME, headers=bearer(token)).status_code == 200
    google.disabled.add("ada")
    wait_until(lambda: real_api.get(ME, headers=bearer(token)).status_code == 401, "the user is refused", 10)


def test_a_cached_token_is_refused_after_its_expiry(real_api: httpx.Client, google: FakeGoogle) -> None:
    token = google.token("ada", exp=int(time.time()) + 2)
    assert real_api.get(ME, headers=bearer(token)).status_code == 200
    wait_until(lambda: real_api.get(ME, headers=bearer(token)).status_code == 401, "the token has expired", 10)


def test_the_caches_are_bounded(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch, real_services: Services) -> None:
    monkeypatch.setattr(token_verifier, "_MAX_TOKENS", 3)
    monkeypatch.setattr(token_verifier, "_MAX_ACCOUNTS", 3)

    async def use() -> None:
        identity = real_services.identity
        for number in range(6):
            await identity.verify(google.token(f"user-{number}"))
        verifier = identity._tokens
        assert (len(verifier._tokens), len(verifier._accounts)) == (3, 3)
        await identity.close()

    asyncio.run(use())


def test_ten_thousand_malformed_headers_are_401_each(
    real_services: Services, google: FakeGoogle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # logging each request takes longer than the request
    texts = [
        "", "Bearer", "Bearer ", "Bearer a", "Bearer a.b.c", "Bearer ..", "Bearer " + "." * 5000,
        "bearer\t" + "x" * 100,
        "Bearer " + "A" * 60_000, "Bearer ey.ey.ey", "Basic x", "Bearer \xff\xfe", "Bearer a b", ", ,", "Bearer null",
        "Bearer " + google.unsigned_token("x")[:-1] + ".!", "Bearer W1tbW1tb.W1tbW1tb.",
        "Bearer " + ("W" * 4000) + "." + ("W1tb" * 900) + ".",  # JSON nested deeply
    ]  # fmt: skip

    async def ask() -> set[int]:
        transport = httpx.ASGITransport(create_app(real_services), raise_app_exceptions=False)
        statuses: set[int] = set()
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for number in range(10_000):
                text = texts[number % len(texts)]
                header = [(b"authorization", text.encode("latin-1"))]
                statuses.add((await client.get(ME, headers=header)).status_code)
        await real_services.close()
        return statuses

    assert asyncio.run(ask()) == {401}
