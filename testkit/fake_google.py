"""A fake of Google's side of Firebase, on a free port: the test's own signing keys, users, and faults on demand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

PROJECT = "test-project"


@dataclass
class Fault:
    """What Google does wrong: it waits, then answers with this status and body."""

    seconds: float = 0
    status: int = 200
    body: bytes | None = None


@dataclass
class FakeGoogle:
    """A uid's prefix is the user's state: deleted-…, disabled-… or revoked-…; any other user may sign in."""

    port: int = 0
    fault: Fault | None = None
    keys_max_age: int = 3600
    requests: Counter[str] = field(default_factory=Counter)
    bodies: list[str] = field(default_factory=list)
    valid_since: dict[str, int] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.public_pem = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.private_pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.keys = {"key-1": self.key.public_key()}

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def service_account(self) -> str:
        """The key of a service account that gets its tokens here."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key": self.private_pem,
                "client_email": f"app@{PROJECT}.iam.gserviceaccount.com",
                "token_uri": f"{self.url}/oauth",
            }
        )

    def claims(self, uid: str, **changes: Any) -> dict[str, Any]:
        """The claims of a valid ID token with these changes; None removes a claim."""
        now = int(time.time())
        claims = {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": uid,
            "email": f"{uid}@example.com",
            "auth_time": now - 100,
            "iat": now - 100,
            "exp": now + 3000,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, uid: str, *, kid: str = "key-1", **changes: Any) -> str:
        """An ID token that is signed with `key`, which is published as key-1."""
        return jwt.encode(self.claims(uid, **changes), self.key, "RS256", {"kid": kid})

    def unsigned_token(self, uid: str) -> str:
        """An ID token as the emulator issues it."""
        return jwt.encode(self.claims(uid), "", "none", {"kid": "key-1"})

    def confused_token(self, uid: str) -> str:
        """An ID token signed by HS256 with the public key as the secret; PyJWT refuses to make one."""
        parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "key-1"}, self.claims(uid))]
        signed = b".".join(map(_base64, parts))
        return b".".join((signed, _base64(hmac.digest(self.public_pem, signed, hashlib.sha256)))).decode()

    def answer(self, path: str, body: str) -> dict[str, Any] | tuple[int, dict[str, Any]]:
        """The body of the reply, or its status and body."""
        match path.rpartition("/")[2].partition("?")[0]:
            case "jwks":
                return {"keys": [jwk(key_id, key) for key_id, key in self.keys.items()]}
            case "oauth":
                return {"access_token": "S3CRET-access-token", "expires_in": 3600, "token_type": "Bearer"}
            case "accounts:lookup":
                return self._lookup(json.loads(body))
            case "accounts:update":
                update = json.loads(body)
                if "validSince" in update:
                    self.valid_since[update["localId"]] = int(update["validSince"])
                return {"localId": update["localId"]}
            case method:
                return 400, {"error": {"code": 400, "message": f"OPERATION_NOT_ALLOWED : S3CRET {method}"}}

    def _lookup(self, query: dict[str, list[str]]) -> dict[str, Any]:
        uid = (query.get("localId") or query["email"])[0].partition("@")[0]
        if uid.startswith(("deleted-", "nobody")):
            return {}
        revoked = int(time.time()) if uid.startswith("revoked-") else 0
        return {
            "users": [
                {
                    "localId": uid,
                    "email": f"{uid}@example.com",
                    "disabled": uid.startswith("disabled-") or uid in self.disabled,
                    "validSince": str(self.valid_since.get(uid, revoked)),
                }
            ]
        }

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        """Lets firebase-admin and the REST client use this fake instead of Google."""
        patch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
        patch.setattr("shared.identity.signing_keys.KEYS_URL", f"{self.url}/jwks")
        patch.setattr("firebase_admin._user_mgt.UserManager.ID_TOOLKIT_URL", f"{self.url}/v1")
        patch.setattr("shared.identity.firebase_rest.IDENTITY_URL", f"{self.url}/v1")
        patch.setattr("shared.identity.firebase_rest.TOKEN_URL", f"{self.url}/token")

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeGoogle]:
        """Serves until the block ends."""
        google = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                google.requests[self.path.rpartition("/")[2]] += 1
                google.bodies.append(f"{self.path} {body}")
                fault = google.fault
                if fault is None:
                    answer = google.answer(self.path, body)
                    status, value = answer if isinstance(answer, tuple) else (200, answer)
                    reply = json.dumps(value).encode()
                else:
                    stopping.wait(fault.seconds)
                    status, reply = fault.status, fault.body or b"{}"
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                if self.path.endswith("jwks"):
                    self.send_header("Cache-Control", f"public, max-age={google.keys_max_age}")
                self.end_headers()
                with contextlib.suppress(OSError):  # the client has stopped waiting
                    self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                pass

        stopping = threading.Event()
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            stopping.set()
            server.shutdown()
            server.server_close()
            thread.join()


def jwk(key_id: str, key: rsa.RSAPublicKey) -> dict[str, Any]:
    """A public key as Google publishes it."""
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": key_id, "alg": "RS256", "use": "sig"}


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
