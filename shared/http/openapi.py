"""Error replies in the OpenAPI document."""

from __future__ import annotations

import http
from typing import Any

from pydantic import BaseModel, Field

from shared.http.problems import PROBLEM_MEDIA_TYPE

_WHEN = {
    400: "The body isn't JSON in UTF-8, or the cursor is damaged or another list's.",
    401: "The token is missing, invalid, expired or revoked.",
    403: "The token's role doesn't allow this.",
    404: "The resource doesn't exist.",
    409: "The resource exists already, or its state doesn't allow this.",
    412: "If-Match names a version that isn't the current one.",
    413: "The body has more than 1 MiB.",
    415: "The body isn't declared as JSON.",
    422: "The request isn't as documented; `errors` has each wrong field.",
    429: "Too many failed attempts; see Retry-After.",
    501: "The database of this deployment has no text index.",
    503: "A service that the request needs is unavailable or too slow; see Retry-After.",
}


class ProblemField(BaseModel):
    """A field that failed validation."""

    loc: list[str | int] = Field(examples=[["body", "price"]])
    msg: str = Field(examples=["expected at most two decimals, got 1.999"])


class Problem(BaseModel):
    """An error reply (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str
    instance: str = Field(examples=["/api/products"])
    errors: list[ProblemField] = Field(default=[], description="Only if validation failed.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that can reply with these error statuses."""
    return {
        status: {
            "description": f"{http.HTTPStatus(status).phrase}: {_WHEN[status]}",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Adds the schemas that `problems` refers to; FastAPI adds only those of application/json."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= schema.pop("$defs") | {"Problem": schema}
    return document


READ_PROBLEMS = problems(422, 503)
WRITE_PROBLEMS = problems(400, 401, 403, 409, 413, 415, 422, 503)
