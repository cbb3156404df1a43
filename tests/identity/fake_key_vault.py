"""A fake Key Vault over HTTPS with a self-signed certificate, for Microsoft's client."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

CHALLENGE = (
    'Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", '
    'resource="https://vault.azure.net"'
)


@dataclass
class FakeKeyVault:
    """Secrets by name; `disabled` ones are listed as disabled; `refusals` are error statuses by secret name."""

    certificate: Path
    secrets: dict[str, str] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    refusals: dict[str, int] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    port: int = 0

    @property
    def url(self) -> str:
        """URL of the vault."""
        return f"https://127.0.0.1:{self.port}"

    def answer(self, path: str) -> tuple[int, dict[str, object]]:
        """Status and body of an authorised request."""
        name = path.split("?", maxsplit=1)[0].removeprefix("/secrets").strip("/")
        self.requests[name] += 1
        if name in self.refusals:
            return self.refusals[name], {"error": {"code": "Refused", "message": "S3CRET text of Azure's"}}
        if not name:
            listed = [
                {"id": f"{self.url}/secrets/{secret}", "attributes": {"enabled": secret not in self.disabled}}
                for secret in self.secrets
            ]
            return 200, {"value": listed, "nextLink": None}
        if name not in self.secrets:
            return 404, {"error": {"code": "SecretNotFound", "message": "S3CRET"}}
        return 200, {"value": self.secrets[name], "id": f"{self.url}/secrets/{name}/1", "attributes": {"enabled": True}}

    @contextlib.contextmanager
    def serving(self) -> Iterator[FakeKeyVault]:
        """Serves until the block ends."""
        vault = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                challenged = "Authorization" not in self.headers
                status, value = (401, {}) if challenged else vault.answer(self.path)
                body = json.dumps(value).encode()
                self.send_response(status)
                if challenged:
                    self.send_header("WWW-Authenticate", CHALLENGE)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        write_certificate(self.certificate)
        context.load_cert_chain(self.certificate)
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.block_on_close = False  # the client keeps its connections
            server.socket = context.wrap_socket(server.socket, server_side=True)
            self.port = server.server_port
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield self
            server.shutdown()


def write_certificate(path: Path) -> None:
    """Writes a key and a self-signed certificate for 127.0.0.1."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
