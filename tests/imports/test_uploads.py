"""Upload URLs write one blob for an hour; the import's record has the user who requested one."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from azure.storage.blob import BlobClient, BlobServiceClient, UserDelegationKey

from shared.imports.storage import ImportStorage, Uploads
from shared.imports.tables import import_uploads
from shared.settings import Settings
from testkit.csv_files import products
from tests.imports.cloud import App, Blob, Cloud, problem_of

PUT = {"x-ms-blob-type": "BlockBlob"}


def ask(api: httpx.Client, file_name: str) -> dict[str, Any]:
    reply = api.post("/api/imports/upload", json={"file_name": file_name})
    assert reply.status_code == 201, reply.text
    upload: dict[str, Any] = reply.json()
    return upload


def test_a_file_is_put_there_and_its_import_names_who_asked(app: App, api: httpx.Client, cloud: Cloud) -> None:
    upload = ask(api, "my lamps.csv")
    folder, _, name = upload["blob_name"].partition("/")
    assert (str(uuid.UUID(folder)), name) == (folder, "my lamps.csv")
    reply = httpx.put(upload["upload_url"], content=products(3), headers=PUT)
    assert reply.status_code == 201, reply.text
    app.receive(cloud, upload["blob_name"])
    blob = Blob(upload["blob_name"], reply.headers["ETag"].strip('"'))
    app.end(cloud, blob)
    record = api.get(f"/api/imports/{blob.import_id}").json()
    assert (record["status"], record["rows_inserted"], record["uploaded_by"]) == ("succeeded", 3, "tester")


def test_a_dropped_file_has_no_uploader(app: App, api: httpx.Client, cloud: Cloud) -> None:
    blob = app.upload(cloud, "lamps.csv", products(1))
    assert api.get(f"/api/imports/{blob.import_id}").json()["uploaded_by"] is None


def test_a_large_file_goes_there_block_by_block(api: httpx.Client, cloud: Cloud) -> None:
    upload = ask(api, "lamps.csv")
    client = BlobClient.from_blob_url(upload["upload_url"], max_single_put_size=1024, max_block_size=1024)
    content = products(200)
    client.upload_blob(content)
    assert cloud.storage.get_blob_client("imports", upload["blob_name"]).download_blob().readall() == content


def test_the_url_writes_one_blob_and_does_nothing_else(api: httpx.Client, cloud: Cloud) -> None:
    upload = ask(api, "lamps.csv")
    url, signature = upload["upload_url"].split("?")
    assert httpx.put(upload["upload_url"], content=b"x", headers=PUT).status_code == 201
    assert httpx.get(upload["upload_url"]).status_code == 403
    assert httpx.head(upload["upload_url"]).status_code == 403
    assert httpx.delete(upload["upload_url"]).status_code == 403
    other = url.replace("lamps.csv", "other.csv")
    assert httpx.put(f"{other}?{signature}", content=b"x", headers=PUT).status_code == 403
    work = url.replace("/imports/", "/imports-work/")
    assert httpx.put(f"{work}?{signature}", content=b"x", headers=PUT).status_code == 403
    container = url[: url.index("/imports/")] + "/imports?restype=container&comp=list&" + signature
    assert httpx.get(container).status_code == 403
    assert cloud.blobs("imports") == [upload["blob_name"]]


def test_it_lasts_for_an_hour(api: httpx.Client) -> None:
    upload = ask(api, "lamps.csv")
    expires_at = dt.datetime.fromisoformat(upload["expires_at"])
    assert abs(expires_at - dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)) < dt.timedelta(minutes=1)
    (signed,) = parse_qs(urlsplit(upload["upload_url"]).query)["se"]
    assert dt.datetime.fromisoformat(signed) == expires_at


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", ".csv", "ü %#?&+=;'\".csv", "\U0001f4a1.csv", "x" * 196 + ".csv"])
def test_any_name_of_a_csv_file_will_do(api: httpx.Client, cloud: Cloud, name: str) -> None:
    upload = ask(api, name)
    assert httpx.put(upload["upload_url"], content=b"x", headers=PUT).status_code == 201
    assert cloud.blobs("imports") == [upload["blob_name"]]
    assert upload["blob_name"].endswith(f"/{name}")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file_name": None},
        {"file_name": 1},
        {"file_name": ""},
        {"file_name": "lamps.txt"},
        {"file_name": "lamps.csv "},
        {"file_name": "a/lamps.csv"},
        {"file_name": "a\\lamps.csv"},
        {"file_name": "a\nlamps.csv"},
        {"file_name": "a\0lamps.csv"},
        {"file_name": "a\x85lamps.csv"},
        {"file_name": "x" * 197 + ".csv"},
        {"file_name": "a.csv", "more": 1},
        [],
    ],
)
def test_any_other_name_is_422_and_says_which_field(api: httpx.Client, body: Any) -> None:
    reply = api.post("/api/imports/upload", json=body)
    problem_of(reply, 422)
    assert reply.json()["errors"][0]["loc"][0] == "body"


def test_a_name_with_half_a_character_is_422(api: httpx.Client) -> None:
    body = b'{"file_name": "\\ud800.csv"}'
    problem_of(api.post("/api/imports/upload", content=body, headers={"Content-Type": "application/json"}), 422)


def test_in_azure_the_managed_identity_signs_for_https_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The delegation key is made by the test: Azurite doesn't support the newest version of its signatures."""
    asked: list[tuple[dt.datetime, dt.datetime]] = []

    def key(_client: BlobServiceClient, begin: dt.datetime, end: dt.datetime) -> UserDelegationKey:
        asked.append((begin, end))
        delegation = UserDelegationKey()  # type: ignore[no-untyped-call]  # untyped in the SDK
        delegation.signed_oid, delegation.signed_tid = "an-identity", "a-tenant"
        delegation.signed_start, delegation.signed_expiry = begin.isoformat(), end.isoformat()
        delegation.signed_service, delegation.signed_version, delegation.value = "b", "2025-11-05", "a2V5"
        return delegation

    monkeypatch.setattr(BlobServiceClient, "get_user_delegation_key", key)
    uri = "https://account.blob.core.windows.net"
    settings = Settings(azure_functions_environment="Development", IMPORT_STORAGE__blobServiceUri=uri)
    end = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
    url = Uploads(ImportStorage(settings)).signed_url("folder/a b.csv", end)
    assert url.startswith(f"{uri}/imports/folder/a%20b.csv?")
    signed = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
    assert (signed["sp"], signed["sr"], signed["spr"], signed["se"]) == ("cw", "b", "https", "2030-01-01T12:00:00Z")
    assert signed["skoid"] == "an-identity"
    ((begin, until),) = asked
    assert until == end
    assert begin < dt.datetime.now(dt.UTC)


def test_an_unreachable_storage_is_503(
    cloud: Cloud, settings_without_factory: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage is called only for a user delegation key."""
    from azure.core.exceptions import ServiceRequestError

    from shared.services import Services
    from testkit.serving import served_catalog

    def away(_self: Uploads, _name: str, _expires_at: dt.datetime) -> str:
        raise ServiceRequestError("no route")

    monkeypatch.setattr(Uploads, "signed_url", away)
    with served_catalog(Services(settings_without_factory)) as api:
        reply = api.post("/api/imports/upload", json={"file_name": "a.csv"})
        assert "Storage can't be reached" in problem_of(reply, 503)
        assert reply.headers["Retry-After"]
    assert cloud.rows.read(sa.select(import_uploads)) == []
