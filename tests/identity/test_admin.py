"""The command that makes the first admin."""

from __future__ import annotations

import json

import httpx
import pytest

from local.services import PROJECT_ID
from testkit.fake_google import PROJECT, FakeGoogle
from tests.identity.people import People
from tests.identity.test_settings import python


def test_a_signed_up_user_becomes_an_admin(
    api: httpx.Client, people: People, emulated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert emulated
    ada = people.sign_up()
    monkeypatch.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    ended = python("-m", "shared.identity.admin", "--email", ada.email)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{ada.email} is an admin of {PROJECT_ID}, from the next log-in on.\n"
    people.log_in(ada)
    assert api.get("/api/auth/me", headers=ada.bearer).json()["role"] == "admin"


def test_an_unknown_email_is_told(emulated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulated
    monkeypatch.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    ended = python("-m", "shared.identity.admin", "--email", "nobody@example.com")
    assert ended.returncode == 1
    assert ended.stderr == "No user has the e-mail address nobody@example.com. Sign up first: POST /api/auth/signup.\n"


def test_a_service_account_works_on_a_real_project(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.identity.admin import make_admin

    monkeypatch.delenv("AZURE_FUNCTIONS_ENVIRONMENT", raising=False)
    monkeypatch.setenv("FIREBASE_PROJECT_ID", PROJECT)
    monkeypatch.setenv("FIREBASE_SERVICE_ACCOUNT", google.service_account)
    assert make_admin("ada@example.com") == PROJECT
    updates = [json.loads(body.partition(" ")[2]) for body in google.bodies if "accounts:update" in body]
    assert updates == [{"localId": "ada", "customAttributes": '{"role": "admin"}'}]


def test_missing_settings_are_named(emulated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulated
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST")
    monkeypatch.delenv("AZURE_FUNCTIONS_ENVIRONMENT", raising=False)
    ended = python("-m", "shared.identity.admin", "--email", "ada@example.com")
    assert ended.returncode == 1
    missing = "FIREBASE_PROJECT_ID, FIREBASE_SERVICE_ACCOUNT"
    assert ended.stderr == f"{missing}: expected values in the environment, got none\n"
