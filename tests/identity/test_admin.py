"""The first admin, made on the command line."""

from __future__ import annotations

import json

import httpx
import pytest

from local.services import PROJECT_ID
from testkit.fake_google import PROJECT, FakeGoogle
from tests.identity.people import People
from tests.identity.test_settings import python


def test_who_has_signed_up_becomes_an_admin(
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


def test_who_hasnt_is_told_so(emulated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulated
    monkeypatch.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    ended = python("-m", "shared.identity.admin", "--email", "nobody@example.com")
    assert ended.returncode == 1
    assert ended.stderr == "Nobody has signed up with nobody@example.com: POST /api/auth/signup first.\n"


def test_with_a_service_account_it_works_on_a_real_project(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.identity.admin import make_admin

    monkeypatch.delenv("AZURE_FUNCTIONS_ENVIRONMENT", raising=False)
    monkeypatch.setenv("FIREBASE_PROJECT_ID", PROJECT)
    monkeypatch.setenv("FIREBASE_SERVICE_ACCOUNT", google.service_account)
    assert make_admin("ada@example.com") == PROJECT
    asked = [json.loads(said.partition(" ")[2]) for said in google.said if "accounts:update" in said]
    assert asked == [{"localId": "ada", "customAttributes": '{"role": "admin"}'}]


def test_without_settings_it_says_which(emulated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulated
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST")
    monkeypatch.delenv("AZURE_FUNCTIONS_ENVIRONMENT", raising=False)
    ended = python("-m", "shared.identity.admin", "--email", "ada@example.com")
    assert ended.returncode == 1
    assert ended.stderr.startswith("FIREBASE_PROJECT_ID, FIREBASE_SERVICE_ACCOUNT: required, but missing")
