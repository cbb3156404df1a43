"""Imports over HTTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import AfterValidator
from starlette.responses import StreamingResponse

from shared.http.dependencies import provided
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.identity.authorization import Admin
from shared.imports.schemas import ImportPage, ImportQuery, ImportRecord, NewUpload, Upload

if TYPE_CHECKING:
    from shared.imports.service import ImportService

router = APIRouter(route_class=StrictRoute, tags=["imports"])

Imports = Annotated["ImportService", provided("imports")]

_ID_PATTERN = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_ID_EXAMPLE = "6f0c2b1e-0f3c-5a53-9a3f-0d4d0b1f6a11"


def _import_id(text: str) -> str:
    if not re.fullmatch(_ID_PATTERN, text):
        raise ValueError(f"Expected an import id like {_ID_EXAMPLE}")
    return text


ImportId = Annotated[
    str, AfterValidator(_import_id), Path(json_schema_extra={"pattern": _ID_PATTERN}, examples=[_ID_EXAMPLE])
]
_READ = problems(401, 403, 422, 503)
_REJECTS_EXAMPLE = 'reason,id,category_name\r\n"id: not a number: ""x""",x,Toys\r\nid: empty,,Games\r\n'


@router.post(
    "/imports/upload",
    status_code=201,
    summary="A URL to upload a CSV file to",
    responses=_READ | problems(400, 413, 415),
)
async def create_upload(admin: Admin, new: Annotated[NewUpload, Body()], imports: Imports) -> Upload:
    """The URL writes one blob for an hour: PUT the file there with the header `x-ms-blob-type: BlockBlob`.

    The import starts by itself as soon as the file is uploaded; list_imports shows it under `blob_name`.
    """
    return await imports.create_upload(new.file_name, admin.uid)


@router.get("/imports", summary="Imports, newest first", responses=_READ | problems(400))
async def list_imports(_admin: Admin, query: Annotated[ImportQuery, Query()], imports: Imports) -> ImportPage:
    """Every CSV file that was ever uploaded, whatever became of it."""
    return await imports.list_page(query)


@router.get("/imports/{import_id}", summary="One import", responses=_READ | problems(404))
async def get_import(_admin: Admin, import_id: ImportId, imports: Imports) -> ImportRecord:
    """One import as it is now: its progress is that of this moment."""
    return await imports.get(import_id)


@router.get(
    "/imports/{import_id}/rejects",
    summary="The rejected rows, as CSV",
    response_class=StreamingResponse,
    responses=_READ
    | problems(404)
    | {
        200: {
            "description": "A header with `reason` and the names of the columns. Then the rows in the file's order: "
            "those that the merge rejected, then those with too many columns. Fields are as they came.",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": _REJECTS_EXAMPLE}},
        }
    },
)
async def list_rejects(_admin: Admin, import_id: ImportId, imports: Imports) -> StreamingResponse:
    """The first 10,000 rows, kept for 90 days; the import's `rows_rejected` is the exact number."""
    return StreamingResponse(
        await imports.rejects(import_id),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{import_id}.rejects.csv"'},
    )


@router.post(
    "/imports/{import_id}/retry", status_code=202, summary="Retry an import", responses=_READ | problems(404, 409)
)
async def retry_import(_admin: Admin, import_id: ImportId, imports: Imports) -> ImportRecord:
    """Starts a failed or cancelled import again without another upload, if its blob is still the same."""
    return await imports.retry(import_id)


@router.post(
    "/imports/{import_id}/cancel", status_code=202, summary="Cancel an import", responses=_READ | problems(404, 409)
)
async def cancel_import(_admin: Admin, import_id: ImportId, imports: Imports) -> ImportRecord:
    """Nothing of it is loaded, unless its merge has already committed: then it stays `succeeded`."""
    return await imports.cancel(import_id)
