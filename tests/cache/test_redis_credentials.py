"""Towards Redis in Azure the app is its managed identity; elsewhere nothing is sent."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from shared.redis_credentials import redis_credentials
from shared.settings import Settings


def settings(url: str, client_id: str | None) -> Settings:
    return Settings.model_construct(redis_url=SecretStr(url), azure_client_id=client_id)


def test_the_managed_identity_is_used_over_tls() -> None:
    assert "credential_provider" in redis_credentials(settings("rediss://cache.example:10000", "a-client-id"))


@pytest.mark.parametrize(
    ("url", "client_id"),
    [
        ("redis://127.0.0.1:6379", None),
        ("redis://127.0.0.1:6379", "a-client-id"),
        ("rediss://:a-password@cache.example:10000", "a-client-id"),
        ("rediss://cache.example:10000", None),
    ],
)
def test_elsewhere_there_are_no_credentials(url: str, client_id: str | None) -> None:
    assert redis_credentials(settings(url, client_id)) == {}
