"""A test's own users, who sign up and log in through the API; the emulator's admin API gives their roles."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

import httpx

from local.services import PROJECT_ID

PASSWORD = "S3CRET-pass word 🧸"


@dataclass
class Person:
    """A signed-up user with tokens."""

    email: str
    uid: str
    id_token: str = ""
    refresh_token: str = ""

    @property
    def bearer(self) -> dict[str, str]:
        """The Authorization header of this user."""
        return {"Authorization": f"Bearer {self.id_token}"}


class People:
    """Signs users up, logs them in, and changes them as Firebase's console does."""

    def __init__(self, api: httpx.Client, emulator: str) -> None:
        self._api = api
        self._accounts = f"http://{emulator}/identitytoolkit.googleapis.com/v1/projects/{PROJECT_ID}/accounts"

    def sign_up(self, role: str | None = None) -> Person:
        """A new user with a role, logged in."""
        email = f"{secrets.token_hex(8)}@example.com"
        reply = self._api.post("/api/auth/signup", json={"email": email, "password": PASSWORD})
        assert reply.status_code == 201, reply.text
        person = Person(email, reply.json()["uid"])
        if role:
            self.update(person, customAttributes=json.dumps({"role": role}))
        self.log_in(person)
        return person

    def log_in(self, person: Person) -> None:
        """Gets new tokens for the user."""
        reply = self._api.post("/api/auth/login", json={"email": person.email, "password": PASSWORD})
        assert reply.status_code == 200, reply.text
        person.id_token, person.refresh_token = reply.json()["id_token"], reply.json()["refresh_token"]

    def update(self, person: Person, **fields: object) -> None:
        """Changes the user as an administrator of the Firebase project."""
        self._post("update", {"localId": person.uid, **fields})

    def delete(self, person: Person) -> None:
        """Deletes the user as an administrator of the Firebase project."""
        self._post("delete", {"localId": person.uid})

    def _post(self, method: str, fields: dict[str, object]) -> None:
        reply = httpx.post(f"{self._accounts}:{method}", json=fields, headers={"Authorization": "Bearer owner"})
        assert reply.status_code == 200, reply.text
