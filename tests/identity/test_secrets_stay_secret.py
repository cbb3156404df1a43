"""No password, token or key is in a log at any level, in an error reply, or in a URL."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import httpx
import pytest

from shared.settings import Settings
from testkit.fake_google import FakeGoogle, Fault
from tests.identity.people import PASSWORD, People


class RecordingHandler(logging.Handler):
    """Keeps the text and the attributes of each record."""

    def __init__(self) -> None:
        super().__init__(1)
        self.text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.text.write(f"{self.format(record)} {record.__dict__}\n")


@pytest.fixture
def logged() -> Iterator[RecordingHandler]:
    """All records, also of DEBUG."""
    handler, root = RecordingHandler(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def test_passwords_and_tokens_of_users_are_not_logged(
    api: httpx.Client, people: People, logged: RecordingHandler
) -> None:
    admin, ada = people.sign_up("admin"), people.sign_up("editor")
    errors = [
        api.post("/api/auth/signup", json={"email": ada.email, "password": PASSWORD}),
        api.post("/api/auth/signup", json={"email": "x", "password": PASSWORD}),
        api.post("/api/auth/signup", content=f'{{"password": "{PASSWORD}"'.encode()),
        api.post("/api/auth/login", json={"email": ada.email, "password": f"{PASSWORD}?"}),
        api.post("/api/auth/login", json={"email": ada.email, "password": [PASSWORD]}),
        api.post("/api/auth/refresh", json={"refresh_token": f"x{ada.refresh_token}"}),
        api.post("/api/auth/refresh", json={"refresh_token": ada.refresh_token, "grant": "x"}),
        api.get("/api/auth/me", headers={"Authorization": f"Bearer {ada.id_token}x.y"}),
        api.get("/api/auth/me", headers={"Authorization": f"Basic {ada.id_token}"}),
        api.get("/api/imports", headers=ada.bearer),
    ]
    api.put(f"/api/users/{ada.uid}/role", json={"role": None}, headers=admin.bearer)
    errors.append(api.get("/api/auth/me", headers=ada.bearer))
    assert {reply.status_code // 100 for reply in errors} == {4}
    text = logged.text.getvalue() + "".join(reply.text for reply in errors)
    assert "accounts:signInWithPassword" in text  # requests to Firebase are logged
    for secret in (PASSWORD, ada.id_token, ada.refresh_token, admin.id_token):
        assert secret not in text


def test_the_apps_own_secrets_are_not_logged(
    real_api: httpx.Client, google: FakeGoogle, logged: RecordingHandler
) -> None:
    token = google.token("ada")
    bearer = {"Authorization": f"Bearer {token}"}
    assert real_api.get("/api/auth/me", headers=bearer).status_code == 200
    for fault in (None, Fault(status=500, body=b"{}"), Fault(body=b"<html>")):
        google.fault = fault
        real_api.post("/api/auth/login", json={"email": "ada@example.com", "password": PASSWORD})
        real_api.get("/api/auth/me", headers={"Authorization": f"Bearer {google.token('bob')}"})
    text = logged.text.getvalue()
    key = Settings.model_fields["firebase_web_api_key"].default.get_secret_value()
    for secret in (key, google.private_pem.splitlines()[3], "S3CRET", token):
        assert secret not in text
    assert all(key not in body for body in google.bodies)
