"""Sign-up, log-in and roles, over the Auth emulator."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from shared.api import create_app
from shared.services import Services
from testkit.serving import served
from tests.identity.people import PASSWORD, People


def test_a_signed_up_user_can_log_in_and_get_me(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    reply = api.post("/api/auth/login", json={"email": ada.email.upper(), "password": PASSWORD})
    assert reply.json() | {"id_token": "", "refresh_token": ""} == {
        "id_token": "",
        "refresh_token": "",
        "expires_in": 3600,
        "uid": ada.uid,
        "email": ada.email,
        "role": None,
    }
    assert api.get("/api/auth/me", headers=ada.bearer).json() == {"uid": ada.uid, "email": ada.email, "role": None}


def test_a_known_email_is_a_conflict(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    assert api.post("/api/auth/signup", json={"email": ada.email, "password": PASSWORD}).status_code == 409


def test_wrong_password_unknown_email_and_disabled_user_get_the_same_reply(api: httpx.Client, people: People) -> None:
    ada, disabled = people.sign_up(), people.sign_up()
    people.update(disabled, disableUser=True)
    replies = [
        api.post("/api/auth/login", json={"email": email, "password": "not the password"})
        for email in (ada.email, f"x{ada.email}", disabled.email)
    ]
    assert [reply.status_code for reply in replies] == [401, 401, 401]
    assert len({reply.content for reply in replies}) == 1


def test_reset_password_doesnt_reveal_whether_the_email_exists(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    replies = [api.post("/api/auth/password-reset", json={"email": email}) for email in (ada.email, f"x{ada.email}")]
    assert [(reply.status_code, reply.content) for reply in replies] == [(202, b""), (202, b"")]


def test_a_new_role_counts_from_the_next_token(api: httpx.Client, people: People) -> None:
    admin, ada = people.sign_up("admin"), people.sign_up()
    reply = api.put(f"/api/users/{ada.uid}/role", json={"role": "editor"}, headers=admin.bearer)
    assert (reply.status_code, reply.json()) == (200, {"uid": ada.uid, "email": ada.email, "role": "editor"})
    assert api.get("/api/auth/me", headers=ada.bearer).json()["role"] is None
    refreshed = api.post("/api/auth/refresh", json={"refresh_token": ada.refresh_token}).json()
    assert refreshed["expires_in"] == 3600
    ada.id_token = refreshed["id_token"]
    assert api.get("/api/auth/me", headers=ada.bearer).json()["role"] == "editor"
    found = api.get("/api/users", params={"email": ada.email}, headers=admin.bearer)
    assert found.json() == {"uid": ada.uid, "email": ada.email, "role": "editor"}


def test_removing_a_role_revokes_the_users_tokens_at_once(api: httpx.Client, people: People) -> None:
    admin, editor = people.sign_up("admin"), people.sign_up("editor")
    assert api.get("/api/auth/me", headers=editor.bearer).json()["role"] == "editor"
    assert api.put(f"/api/users/{editor.uid}/role", json={"role": None}, headers=admin.bearer).status_code == 200
    assert api.get("/api/auth/me", headers=editor.bearer).status_code == 401
    assert api.post("/api/auth/refresh", json={"refresh_token": editor.refresh_token}).status_code == 401
    people.log_in(editor)
    assert api.get("/api/auth/me", headers=editor.bearer).json()["role"] is None


def test_log_out_revokes_a_token_of_the_same_second_in_every_instance(
    api: httpx.Client, people: People, services: Services
) -> None:
    with served(create_app(Services(services.settings))) as other:
        ada = people.sign_up()
        assert other.get("/api/auth/me", headers=ada.bearer).status_code == 200
        time.sleep(1 - time.time() % 1)  # so that all of what follows is one second
        people.log_in(ada)
        assert other.get("/api/auth/me", headers=ada.bearer).status_code == 200
        assert api.post("/api/auth/logout", headers=ada.bearer).status_code == 204
        assert other.get("/api/auth/me", headers=ada.bearer).status_code == 401
        assert api.get("/api/auth/me", headers=ada.bearer).status_code == 401
        people.log_in(ada)
        assert other.get("/api/auth/me", headers=ada.bearer).status_code == 200


def test_users_cant_change_their_own_role(api: httpx.Client, people: People) -> None:
    admin = people.sign_up("admin")
    for role in ("admin", "editor", None):
        assert api.put(f"/api/users/{admin.uid}/role", json={"role": role}, headers=admin.bearer).status_code == 409


def test_of_two_admins_who_demote_each_other_one_remains(api: httpx.Client, people: People) -> None:
    one, two = people.sign_up("admin"), people.sign_up("admin")
    with ThreadPoolExecutor(2) as pool:
        statuses = list(
            pool.map(
                lambda pair: (
                    api.put(f"/api/users/{pair[1].uid}/role", json={"role": None}, headers=pair[0].bearer).status_code
                ),
                [(one, two), (two, one)],
            )
        )
    assert sorted(statuses) in ([200, 401], [200, 403])
    for person in (one, two):
        people.log_in(person)
    roles = {api.get("/api/auth/me", headers=person.bearer).json()["role"] for person in (one, two)}
    assert roles == {"admin", None}


def test_an_unknown_user_is_404(api: httpx.Client, people: People) -> None:
    admin = people.sign_up("admin")
    assert api.put("/api/users/nobody/role", json={"role": "editor"}, headers=admin.bearer).status_code == 404
    assert api.get("/api/users?email=nobody@example.com", headers=admin.bearer).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"email": "a@example.com", "password": "1234567"},
        {"email": "a@example.com", "password": "x" * 65},
        {"email": "a@example.com", "password": "1234567\0"},
        {"email": "not an address", "password": PASSWORD},
        {"email": "a@example.com", "password": 12345678},
        {"email": ["a@example.com"], "password": PASSWORD},
        {"email": "a@example.com"},
        {"email": "a@example.com", "password": PASSWORD, "role": "admin"},
        {"email": "a@example.com", "password": PASSWORD, "customAttributes": '{"role": "admin"}'},
    ],
)
def test_sign_up_refuses_bad_fields_without_showing_secrets(api: httpx.Client, body: dict[str, object]) -> None:
    reply = api.post("/api/auth/signup", json=body)
    assert reply.status_code == 422
    assert "S3CRET" not in reply.text
    assert reply.json()["errors"][0]["loc"][0] == "body"


def test_a_password_is_counted_in_code_points(api: httpx.Client) -> None:
    email = f"{time.monotonic_ns()}@example.com"
    assert api.post("/api/auth/signup", json={"email": email, "password": "🧸" * 64}).status_code == 201


def test_only_set_role_gives_a_role(api: httpx.Client, people: People) -> None:
    ada = people.sign_up()
    claim = {"X-Role": "admin", "Role": "admin"}
    assert (
        api.post("/api/auth/signup?role=admin", json={"email": f"b{ada.email}", "password": PASSWORD}).status_code
        == 422
    )
    assert (
        api.post("/api/auth/login", json={"email": ada.email, "password": PASSWORD, "role": "admin"}).status_code == 422
    )
    reply = api.post("/api/auth/login", json={"email": ada.email, "password": PASSWORD}, headers=claim)
    assert reply.json()["role"] is None
    assert api.get("/api/auth/me", headers=ada.bearer | claim).json()["role"] is None
    assert api.get("/api/imports", headers=ada.bearer | claim).status_code == 403


def test_a_bad_refresh_token_is_401(api: httpx.Client) -> None:
    assert api.post("/api/auth/refresh", json={"refresh_token": "junk"}).status_code == 401
