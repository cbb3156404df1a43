"""Microsoft's client (azure-mgmt-datafactory) calls the local factory's REST API; both pipelines run end to end."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.datafactory.models import RunFilterParameters, RunQueryFilter, RunQueryOrderBy
from azure.storage.blob import BlobServiceClient

from local.datafactory.server import create_app
from local.datafactory.stores.blobs import BlobStore
from local.datafactory.stores.sqlite import staging_files
from shared.catalog.schemas import CSV_COLUMNS
from shared.imports.tables import import_records, import_rejects, products_staging
from testkit.serving import served
from tests.datafactory.conftest import Workshop, activity, mapping_of, wait_until

HEADER = "asin,title,imgUrl,productURL,stars,reviews,price,listPrice,category_id,isBestSeller,boughtInLastMonth"
GOOD = "B000000001,A suitcase,https://e.org/1,https://e.org/2,4.5,12,139.99,0.0,104,False,2000"
NAMES = ("any-group", "any-factory")


class NoCredential:
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        raise AssertionError("No token may be asked for")


@pytest.fixture
def http(workshop: Workshop) -> Iterator[httpx.Client]:
    with served(create_app(workshop.factory)) as client:
        yield client


@pytest.fixture
def client(http: httpx.Client) -> DataFactoryManagementClient:
    return DataFactoryManagementClient(
        NoCredential(), "any", base_url=str(http.base_url), authentication_policy=SansIOHTTPPolicy(), retry_total=0
    )


@pytest.fixture
def blobs(session_azurite: str) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(session_azurite)


def window(**more: Any) -> RunFilterParameters:
    now = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    return RunFilterParameters(last_updated_after=now - hour, last_updated_before=now + hour, **more)


def columns_of(kind: str, content: bytes | str) -> list[str]:
    """The known columns that the file's header has, in their declared order."""
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    header = next(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    return [name for name in CSV_COLUMNS[kind] if name in header]


def start(  # noqa: PLR0913, PLR0917  # what an import is made of
    workshop: Workshop,
    blobs: BlobServiceClient,
    client: Any,
    kind: str,
    content: bytes | str,
    mapping: str | None = None,
) -> tuple[str, str]:
    """Starts an import as the app does. Returns its id and that of the run."""
    import_id = str(uuid.uuid4())
    container = blobs.get_container_client("imports-work")
    if not container.exists():
        container.create_container()
    container.upload_blob(f"{import_id}.csv", content)
    record = {
        "import_id": import_id,
        "blob_name": f"{import_id}.csv",
        "etag": "e",
        "size_bytes": 1,
        "status": "running",
        "max_reject_share": 0.5,
        "csv_columns": ",".join(columns_of(kind, content)),
        "progress": 0,
        "received_at": dt.datetime.now(dt.UTC),
    }
    with workshop.imports().begin() as connection:
        connection.execute(sa.insert(import_records).values(record))
    parameters = {"import_id": import_id, "mapping": mapping or mapping_of(columns_of(kind, content))}
    return import_id, client.pipelines.create_run(*NAMES, f"import_{kind}", parameters).run_id


def outcome(workshop: Workshop, run_id: str) -> dict[str, Any]:
    assert workshop.ended(run_id).status == "Succeeded", workshop.ended(run_id).message
    merge = workshop.records.activities(run_id)[-1]
    row = merge.output["firstRow"]
    assert isinstance(row, dict)
    return row


def left_in_staging(workshop: Workshop) -> list[str]:
    """What runs have left: their files, or on a server the ids of runs that have rows."""
    if workshop.url.get_backend_name() == "sqlite":
        return [file.name for file in staging_files.staging_folder(workshop.url).glob("*")]
    with workshop.imports().connect() as connection:
        return list(connection.execute(sa.select(products_staging.c.run_id)).scalars())


def test_both_pipelines_run_end_to_end(workshop: Workshop, blobs: BlobServiceClient, client: Any) -> None:
    workshop.use_repository()
    _, products = start(workshop, blobs, client, "products", f"{HEADER}\n{GOOD}\n")
    assert outcome(workshop, products)["rows_inserted"] == 1
    _, categories = start(workshop, blobs, client, "categories", "id,category_name\n104,Suitcases\n")
    assert outcome(workshop, categories)["rows_updated"] == 1
    run = client.pipeline_runs.get(*NAMES, products)
    assert (run.status, run.pipeline_name, run.message) == ("Succeeded", "import_products", "")
    assert run.run_end > run.run_start
    assert run.duration_in_ms > 0
    copy, merge = client.activity_runs.query_by_pipeline_run(*NAMES, products, window()).value
    assert (copy.activity_name, copy.activity_type, copy.status) == ("CopyToStaging", "Copy", "Succeeded")
    assert [copy.output[name] for name in ("rowsRead", "rowsCopied", "rowsSkipped")] == [1, 1, 0]
    assert copy.output["dataConsistencyVerification"] == {"VerificationResult": "Verified"}
    assert (merge.activity_name, merge.activity_type, merge.error["message"]) == ("Merge", "Lookup", "")
    assert left_in_staging(workshop) == []


def test_columns_go_by_name_and_others_are_ignored(workshop: Workshop, blobs: BlobServiceClient, client: Any) -> None:
    workshop.use_repository()
    names, values = ["more", *reversed(HEADER.split(","))], ["?", *reversed(GOOD.split(","))]
    content = "\ufeff" + ",".join(names) + "\r\n" + ",".join(values) + "\r\n"
    _, run_id = start(workshop, blobs, client, "products", content)
    assert outcome(workshop, run_id)["rows_inserted"] == 1


def test_rows_with_too_many_columns_are_skipped_and_logged(
    workshop: Workshop, blobs: BlobServiceClient, client: Any
) -> None:
    workshop.use_repository()
    long = GOOD.replace("B000000001", "B000000002").replace("A suitcase", '"A ""quoted"", title\nof two lines"') + ",x"
    import_id, run_id = start(workshop, blobs, client, "products", f"{HEADER}\n{GOOD}\n{long}\n")
    row = outcome(workshop, run_id)
    assert (row["rows_read"], row["rows_inserted"], row["rows_rejected"]) == (2, 1, 1)
    copy = workshop.records.activities(run_id)[0]
    container = blobs.get_container_client("imports-rejects")
    (log,) = container.list_blobs(name_starts_with=f"{import_id}/copyactivity-logs/CopyToStaging/")
    assert copy.output["logFilePath"] == f"imports-rejects/{log.name.rpartition('/')[0]}/"
    text = container.download_blob(log.name).readall().decode()
    (entry,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (entry["Level"], entry["OperationName"]) == ("Warning", "TabularRowSkip")
    assert "row number 3" in entry["Message"]
    assert "expected column count 11" in entry["Message"]
    fields = next(csv.reader([entry["OperationItem"]]))
    assert fields[:2] == ["B000000002", 'A "quoted", title\nof two lines']
    assert len(fields) == 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'{HEADER}\n{GOOD}\nB000000002,"never closed\n'.encode(), "A quote is never closed"),
        (f"{HEADER}\n{GOOD}\n".encode() + b"B000000002,\xff\n", "The file is not UTF-8"),
    ],
)
def test_a_file_that_can_not_be_read_fails_after_its_retries_and_leaves_nothing(
    content: bytes, message: str, workshop: Workshop, blobs: BlobServiceClient, client: Any
) -> None:
    workshop.use_repository()
    _, run_id = start(workshop, blobs, client, "products", content)
    run = workshop.ended(run_id)
    assert run.status == "Failed"
    assert run.message.startswith(f"Operation on target CopyToStaging failed: {message}")
    assert workshop.statuses(run_id) == [("CopyToStaging", "Failed")] * 3
    # On a server, the app's timer deletes the rows that were copied before the error.
    assert set(left_in_staging(workshop)) <= (set() if workshop.url.get_backend_name() == "sqlite" else {run_id})


def test_a_mapped_column_that_the_file_lacks_fails_by_name(
    workshop: Workshop, blobs: BlobServiceClient, client: Any
) -> None:
    workshop.use_repository()
    mapping = mapping_of(CSV_COLUMNS["products"])
    _, run_id = start(workshop, blobs, client, "products", b"asin,title,category_id\n1,2,3\n", mapping)
    message = "Column 'imgUrl' specified in column mapping cannot be found in source file."
    assert workshop.ended(run_id).message == f"Operation on target CopyToStaging failed: {message}"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("asin", "The function 'json' can't read 'asin'."),
        ("[]", "The translator of the Copy can't be used"),
        ('{"type": "Other", "mappings": []}', "The property 'type' of translator of the Copy can't be used"),
        ('{"type": "TabularTranslator"}', "The property 'mappings' of translator of the Copy can't be used"),
        (
            '{"type": "TabularTranslator", "mappings": [], "typeConversion": true}',
            "The property 'typeConversion' of translator of the Copy is not known",
        ),
        (
            '{"type": "TabularTranslator", "mappings": [{"source": {"ordinal": 1}, "sink": {"name": "asin"}}]}',
            "The property 'mappings.0.source.ordinal' of translator of the Copy is not known",
        ),
    ],
)
def test_a_mapping_that_is_not_known_fails_the_run_by_name(
    mapping: str, message: str, workshop: Workshop, blobs: BlobServiceClient, client: Any
) -> None:
    workshop.use_repository()
    _, run_id = start(workshop, blobs, client, "products", f"{HEADER}\n{GOOD}\n", mapping)
    run = workshop.ended(run_id)
    assert run.status == "Failed"
    assert run.message.startswith(message)


def test_a_run_without_a_mapping_fails_by_name(workshop: Workshop, client: Any) -> None:
    workshop.use_repository()
    run = workshop.ended(client.pipelines.create_run(*NAMES, "import_products", {"import_id": "x"}).run_id)
    assert (run.status, run.message) == (
        "Failed",
        "The parameter 'mapping' of pipeline 'import_products' was not given.",
    )


def test_a_file_without_optional_columns_is_loaded_and_its_rejects_show_them_as_empty(
    workshop: Workshop, blobs: BlobServiceClient, client: Any
) -> None:
    workshop.use_repository()
    content = "price,asin,category_id,title\n1.5,B000000001,104,A suitcase\nfree,B000000002,104,Another\n"
    import_id, run_id = start(workshop, blobs, client, "products", content)
    row = outcome(workshop, run_id)
    assert (row["rows_read"], row["rows_inserted"], row["rows_rejected"]) == (2, 1, 1)
    statement = sa.select(import_rejects.c.reason, import_rejects.c.fields)
    with workshop.imports().connect() as connection:
        (reject,) = connection.execute(statement.where(import_rejects.c.import_id == import_id))
    assert reject.reason == 'price: not a number: "free"'
    fields = {"asin": "B000000002", "title": "Another", "category_id": "104", "price": "free"}
    assert json.loads(reject.fields) == [fields.get(name, "") for name in CSV_COLUMNS["products"]]


def test_a_missing_blob_fails_by_name(workshop: Workshop, blobs: BlobServiceClient, client: Any) -> None:
    workshop.use_repository()
    start(workshop, blobs, client, "products", f"{HEADER}\n")
    parameters = {"import_id": "gone", "mapping": mapping_of(["asin"])}
    run = workshop.ended(client.pipelines.create_run(*NAMES, "import_products", parameters).run_id)
    assert "The required Blob is missing. ContainerName: imports-work, path: gone.csv." in run.message


@pytest.mark.sqlite_only
def test_staging_left_by_a_killed_factory_is_swept_at_the_start(workshop: Workshop) -> None:
    file = staging_files.staging_file(workshop.url, "left")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    workshop.stop()
    workshop.start()
    assert not file.exists()


def test_a_cancelled_run_says_so(workshop: Workshop, client: Any) -> None:
    workshop.write("p", activity("A", "Wait", waitTimeInSeconds=60))
    run_id = client.pipelines.create_run(*NAMES, "P").run_id
    wait_until(lambda: workshop.statuses(run_id) == [("A", "InProgress")])
    assert client.pipeline_runs.get(*NAMES, run_id).status == "InProgress"
    client.pipeline_runs.cancel(*NAMES, run_id)
    assert workshop.ended(run_id).status == "Cancelled"
    (record,) = client.activity_runs.query_by_pipeline_run(*NAMES, run_id, window()).value
    assert record.status == "Cancelled"
    with pytest.raises(HttpResponseError) as error:
        client.pipeline_runs.cancel(*NAMES, run_id)
    assert error.value.status_code == 400


def test_runs_are_queried_by_filter_and_order_and_page(workshop: Workshop, client: Any) -> None:
    workshop.write("p", activity("A", "Wait", waitTimeInSeconds=0))
    workshop.write("q", activity("A", "Fail", message="m", errorCode="1"))
    ids = [client.pipelines.create_run(*NAMES, "p").run_id for _ in range(101)]
    failed = client.pipelines.create_run(*NAMES, "q").run_id
    for run_id in (*ids, failed):
        workshop.ended(run_id)
    only_p = [RunQueryFilter(operand="PipelineName", operator="Equals", values_property=["p"])]
    newest_first = [RunQueryOrderBy(order_by="RunStart", order="DESC")]
    page = client.pipeline_runs.query_by_factory(*NAMES, window(filters=only_p, order_by=newest_first))
    found = [run.run_id for run in page.value]
    assert len(found) == 100
    query = window(filters=only_p, order_by=newest_first, continuation_token=page.continuation_token)
    rest = client.pipeline_runs.query_by_factory(*NAMES, query)
    assert rest.continuation_token is None
    assert [*found, *(run.run_id for run in rest.value)] == ids[::-1]
    only_failed = [RunQueryFilter(operand="Status", operator="In", values_property=["Failed", "Cancelled"])]
    (run,) = client.pipeline_runs.query_by_factory(*NAMES, window(filters=only_failed)).value
    assert run.run_id == failed


def test_errors_have_the_shape_of_azure_resource_manager(client: Any, http: httpx.Client) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        client.pipeline_runs.get(*NAMES, "none")
    assert missing.value.error is not None
    assert missing.value.error.code == "PipelineRunNotFound"
    with pytest.raises(ResourceNotFoundError):
        client.pipelines.create_run(*NAMES, "none")
    assert http.get("/x").json()["error"]["code"] == "InvalidApiVersionParameter"
    assert http.get("/x", params={"api-version": "2018-06-01"}).status_code == 404


def test_a_full_queue_is_told_as_throttled(workshop: Workshop, client: Any) -> None:
    workshop.write("p", activity("A", "Wait", waitTimeInSeconds=60), concurrency=1)
    ids = [client.pipelines.create_run(*NAMES, "p").run_id for _ in range(101)]
    with pytest.raises(HttpResponseError, match="throttled"):
        client.pipelines.create_run(*NAMES, "p")
    for run_id in reversed(ids):
        client.pipeline_runs.cancel(*NAMES, run_id)


def test_paths_match_without_regard_to_case(workshop: Workshop, http: httpx.Client) -> None:
    workshop.write("p", activity("A", "Wait", waitTimeInSeconds=0))
    path = "/SUBSCRIPTIONS/s/resourcegroups/g/Providers/microsoft.datafactory/Factories/f/PIPELINES/p/createrun"
    reply = http.post(path, params={"api-version": "2018-06-01"}, content=json.dumps({}))
    assert reply.status_code == 200
    assert workshop.ended(reply.json()["runId"]).status == "Succeeded"


def test_progress_is_visible_while_a_copy_runs(
    workshop: Workshop, blobs: BlobServiceClient, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.use_repository()
    seen: list[dict[str, Any]] = []
    original = BlobStore.read

    def look() -> bool:
        for run in workshop.records.with_status("InProgress"):
            seen.extend(
                copy.output for copy in workshop.records.activities(run.run_id) if copy.output.get("rowsCopied")
            )
        return bool(seen)

    def in_pieces(store: BlobStore, container: str, name: str) -> Iterator[bytes]:
        """The blob in pieces; the last ones come when progress was seen."""
        data = b"".join(original(store, container, name))
        for begin in range(0, len(data), 10_000):
            yield data[begin : begin + 10_000]
            if begin > len(data) // 2:
                wait_until(lambda: seen or look())

    monkeypatch.setattr(BlobStore, "read", in_pieces)
    rows = "".join(f"{GOOD.replace('B000000001', f'B{n:09}')}\n" for n in range(3_000))
    _, run_id = start(workshop, blobs, client, "products", f"{HEADER}\n{rows}")
    assert outcome(workshop, run_id)["rows_inserted"] == 3_000
    assert 0 < seen[0]["rowsCopied"] < 3_000
    assert 0 < seen[0]["dataRead"] < len(rows)
