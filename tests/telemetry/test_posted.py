"""Nothing secret or personal is posted, and the posted fields are those that queries may use."""

from __future__ import annotations

import httpx
from azure.storage.blob import BlobServiceClient

from testkit.csv_files import categories, products
from testkit.ingestion import TABLES, dimensions, name_of
from testkit.secrecy import secret_in
from tests.telemetry.conftest import FIELDS, Watched

_EMAIL, _PASSWORD, _TITLE = "S3CRET.person@example.org", "S3CRET horse", "S3CRET lamp"
_PRODUCT = {"asin": "B0S3CRET99", "title": _TITLE, "category_id": 1}
_HEADERS = {
    "X-Request-ID": "S3CRET-request",
    "User-Agent": "S3CRET agent",
    "Cookie": "session=S3CRET",
    "Referer": "https://S3CRET.example/ada@example.org",
    "X-Forwarded-For": "S3CRET, 203.0.113.77",
    "If-None-Match": '"S3CRET"',
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=S3CRET",
    "baggage": "user=S3CRET",
}
# Digits that no posted duration contains by chance.
_PRICE = 48_151_623.42
# An e-mail, a password, Firebase's Web API key, a price, Storage's key, an address.
_WORDS = ("ada@example.org", "correct horse", "any-key-serves-the-emulator", str(_PRICE), "AccountKey", "203.0.113.77")
# Prefixes of this application's dimensions.
_OURS = ("catalog.", "http.response.", "faas.", "logger_name")


def _use(watched: Watched) -> None:
    """Sends secrets in bodies, queries and headers."""
    api = watched.cloud.api
    api.post("/api/categories", json={"id": 1, "name": "S3CRET kinds"})
    assert api.post("/api/products", json=_PRODUCT).status_code in {201, 409}
    assert api.get("/api/products", params={"q": "S3CRET"}).status_code == 200
    assert api.patch("/api/products/B0S3CRET99", json={"title": f"{_TITLE} 2", "price": _PRICE}).status_code == 200
    credentials = {"email": _EMAIL, "password": _PASSWORD}
    assert api.post("/api/auth/signup", json=credentials).status_code == 201
    tokens = api.post("/api/auth/login", json=credentials).json()
    assert api.post("/api/auth/login", json={**credentials, "password": "S3CRET other"}).status_code == 401
    assert api.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200
    assert api.get("/api/users", params={"email": _EMAIL}).status_code == 200
    api.post("/api/auth/password-reset", json={"email": _EMAIL})
    for bad in (f"Bearer {tokens['id_token'][:-4]}", "Bearer S3CRET"):
        assert api.get("/api/auth/me", headers={"Authorization": bad}).status_code == 401
    assert api.get("/api/products", params={"S3CRET": "x"}).status_code == 422
    batch = [{**_PRODUCT, "asin": "B0S3CRET97", "price": "S3CRET"}, {**_PRODUCT, "image_url": "https://S3CRET.example"}]
    assert api.post("/api/products/batch", json=batch).status_code in {207, 422}
    for query in ('"S3CRET" OR', "S3CRET*", "S3CRET:(", "price:S3CRET"):
        assert api.get("/api/products", params={"q": query}).status_code < 500
    assert api.get("/api/products", params={"cursor": "S3CRET"}).status_code == 400
    assert api.request("OPTIONS", "/api/S3CRET").status_code == 404
    assert api.post("/api/products", content=b'{"title": "S3CRET').status_code in {400, 415, 422}
    assert api.get("/api/products/B0S3CRET99", headers=_HEADERS).status_code == 200
    assert api.put("/api/users/S3CRET-uid/role", json={"role": "editor"}).status_code == 404


def _import(watched: Watched) -> None:
    """Imports files with secrets in their names and contents."""
    cloud = watched.cloud
    assert cloud.drop("S3CRET kinds of ada@example.org.csv", categories(2))["status"] == "succeeded"
    rows = products(3, first=70).replace(b"Lamp", b"S3CRET lamp")
    assert cloud.drop("folder/S3CRET ada@example.org.csv", rows)["status"] == "succeeded"
    failed = cloud.drop("S3CRET price.csv", products(3, first=70, price="S3CRET"))
    assert failed["status"] == "failed"
    # A file without a header, whose first row is taken for the header.
    assert cloud.drop("S3CRET headless.csv", b"B0S3CRET98,S3CRET lamp,1\n")["status"] == "rejected"
    with BlobServiceClient.from_connection_string(cloud.run.blob) as storage:
        storage.get_blob_client("imports", "S3CRET price.csv").delete_blob()
    assert cloud.api.post(f"/api/imports/{failed['import_id']}/retry").status_code == 409
    upload = cloud.api.post("/api/imports/upload", json={"file_name": "S3CRET of ada@example.org.csv"})
    assert upload.status_code == 201
    assert httpx.put(upload.json()["upload_url"], content=rows, headers={"x-ms-blob-type": "BlockBlob"}).is_success
    cloud.wait_for_import(cloud.import_id(upload.json()["blob_name"]))


def test_nothing_secret_or_personal_is_posted(watched: Watched) -> None:
    _use(watched)
    _import(watched)
    last = watched.cloud.api.get("/api/health/live").headers["X-Request-ID"]
    watched.posted.wait_for(lambda: any(last.encode() in body for body in list(watched.posted.bodies)))
    for body in list(watched.posted.bodies):
        text = body.decode()
        assert secret_in(text) is None, secret_in(text)
        for word in _WORDS:
            assert word not in text


def _names(watched: Watched, table: str) -> set[str]:
    return {name for item in watched.posted.of(table) for name in dimensions(item) if name.startswith(_OURS)}


def _expect_dimensions(watched: Watched, table: str, wanted: set[str]) -> None:
    watched.posted.wait_for(lambda: wanted <= _names(watched, table))
    assert _names(watched, table) == wanted


def test_the_fields_that_queries_may_use_are_posted(watched: Watched) -> None:
    _use_everything(watched)
    for table in ("requests", "dependencies", "traces"):
        _expect_dimensions(watched, table, set(FIELDS[table]["dimensions"]))
    types = set(FIELDS["dependencies"]["types"])
    assert {item["data"]["baseData"]["type"] for item in watched.posted.of("dependencies")} == types
    wanted_metrics: dict[str, list[str]] = FIELDS["customMetrics"]

    def metrics() -> dict[str, list[str]]:
        return {name_of(item): sorted(dimensions(item)) for item in watched.posted.of("customMetrics")}

    watched.posted.wait_for(lambda: metrics().keys() >= wanted_metrics.keys() - _RARE)
    seen = metrics()
    assert all(wanted_metrics[name] == labels for name, labels in seen.items())
    assert {item["data"]["baseType"] for item in watched.posted.items} <= TABLES.keys()


# test_metrics_posted.py provokes these.
_RARE = {"catalog.sql.retries", "catalog.cache.joined_flights", "catalog.throttled_log_ins"}


def _use_everything(watched: Watched) -> None:
    """A cache hit, a stale page, and a successful import."""
    watched.cloud.drop("fields-categories.csv", categories(2))
    watched.cloud.drop("fields.csv", products(3, first=40))
    for _ in range(3):
        watched.cloud.api.get("/api/products/B000000041")
    watched.cloud.api.patch("/api/products/B000000041", json={"title": "Another lamp"})
    watched.cloud.api.get("/api/products/B000000041")
