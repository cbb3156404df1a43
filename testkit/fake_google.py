"""Google's side of Firebase, on a free port: certificates of the test's own keys, users, and faults on demand."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

PROJECT = "test-project"


@dataclass
class Fault:
    """What Google does wrong: waits, then answers with this status and body."""

    seconds: float = 0
    status: int = 200
    body: bytes | None = None


@dataclass
class FakeGoogle:
    """A user is known by his uid: deleted-…, disabled-… and revoked-… are just that, any other may sign in."""

    port: int = 0
    fault: Fault | None = None
    certificates_max_age: int = 3600
    asked: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
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
        self.certificate = _certificate(self.key)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def service_account(self) -> str:
        """The key of a service account whose tokens come from here."""
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
        """Of a valid ID token; None takes a claim away."""
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
        """An ID token signed with the key whose certificate stands here as key-1."""
        return jwt.encode(self.claims(uid, **changes), self.key, "RS256", {"kid": kid})

    def unsigned_token(self, uid: str) -> str:
        """As the emulator's."""
        return jwt.encode(self.claims(uid), "", "none", {"kid": "key-1"})

    def confused_token(self, uid: str) -> str:
        """HS256 with the public key, which PyJWT won't make."""
        parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "key-1"}, self.claims(uid))]
        signed = b".".join(map(_base64, parts))
        return b".".join((signed, _base64(hmac.digest(self.public_pem, signed, hashlib.sha256)))).decode()

    def answer(self, path: str, body: str) -> dict[str, Any] | tuple[int, dict[str, Any]]:
        """The answer to a request."""
        match path.rpartition("/")[2].partition("?")[0]:
            case "certs":
                return {"key-1": self.certificate}
            case "oauth":
                return {"access_token": "S3CRET-access-token", "expires_in": 3600, "token_type": "Bearer"}
            case "accounts:lookup":
                return self._lookup(json.loads(body))
            case "accounts:update":
                told = json.loads(body)
                if "validSince" in told:
                    self.valid_since[told["localId"]] = int(told["validSince"])
                return {"localId": told["localId"]}
            case method:
                return 400, {"error": {"code": 400, "message": f"OPERATION_NOT_ALLOWED : S3CRET {method}"}}

    def _lookup(self, told: dict[str, list[str]]) -> dict[str, Any]:
        uid = (told.get("localId") or told["email"])[0].partition("@")[0]
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
        """In Google's place for firebase-admin and the REST client that are made from now on."""
        patch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
        patch.setattr("firebase_admin._token_gen.ID_TOKEN_CERT_URI", f"{self.url}/certs")
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
                said = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                google.asked[self.path.rpartition("/")[2]] += 1
                google.said.append(f"{self.path} {said}")
                fault = google.fault
                status, body = 200, b""
                if fault is None:
                    answer = google.answer(self.path, said)
                    status, value = answer if isinstance(answer, tuple) else (200, answer)
                    body = json.dumps(value).encode()
                else:
                    time.sleep(fault.seconds)
                    status, body = fault.status, fault.body or b"{}"
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if self.path.endswith("certs"):
                    self.send_header("Cache-Control", f"public, max-age={google.certificates_max_age}")
                self.end_headers()
                with contextlib.suppress(OSError):  # a client that waited no longer
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(days=1))
    certificate = builder.not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
