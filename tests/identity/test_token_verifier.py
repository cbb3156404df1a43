"""What verifying a token costs, and how long what is known of its user lasts."""

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


def test_certificates_and_users_are_asked_for_once(real_api: httpx.Client, google: FakeGoogle) -> None:
    for number in range(10):
        for token in [google.token("ada", n=number)] * 3:
            assert real_api.get(ME, headers=bearer(token)).status_code == 200
    assert google.asked["certs"] == 1
    # Once more where the first question went out before this instance listened to the others.
    assert google.asked["accounts:lookup"] <= 2


def test_certificates_are_fetched_anew_when_their_headers_say_so(real_api: httpx.Client, google: FakeGoogle) -> None:
    google.certificates_max_age = 1

    def fetched_again() -> bool:
        token = google.token("ada", n=google.asked.total(), m=len(google.said))
        assert real_api.get(ME, headers=bearer(token)).status_code == 200
        return google.asked["certs"] > 1

    assert not fetched_again()
    wait_until(fetched_again, "the certificates are fetched again", 10)


def test_who_is_disabled_is_out_when_what_is_known_of_him_is_too_old(
    real_api: httpx.Client, google: FakeGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert token_verifier.ACCOUNT_SECONDS == 60
    monkeypatch.setattr(token_verifier, "ACCOUNT_SECONDS", 0.3)
    token = google.token("ada")
    assert real_api.get(ME, headers=bearer(token)).status_code == 200
    google.disabled.add("ada")
    wait_until(lambda: real_api.get(ME, headers=bearer(token)).status_code == 401, "she is out", 10)


def test_a_known_token_isnt_valid_beyond_its_expiry(real_api: httpx.Client, google: FakeGoogle) -> None:
    token = google.token("ada", exp=int(time.time()) + 2)
    assert real_api.get(ME, headers=bearer(token)).status_code == 200
    wait_until(lambda: real_api.get(ME, headers=bearer(token)).status_code == 401, "it has expired", 10)


def test_what_is_kept_is_bounded(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch, real_services: Services) -> None:
    monkeypatch.setattr(token_verifier, "_TOKENS", 3)
    monkeypatch.setattr(token_verifier, "_ACCOUNTS", 3)

    async def use() -> None:
        identity = real_services.identity
        for number in range(6):
            await identity.verify(google.token(f"user-{number}"))
        kept = identity._tokens
        assert (len(kept._known), len(kept._asked)) == (3, 3)
        await identity.close()

    asyncio.run(use())


def test_ten_thousand_malformed_headers_are_401_each(
    real_services: Services, google: FakeGoogle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)  # httpx' own lines would take longer than the requests
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
