"""How errors stand in the OpenAPI document."""

from __future__ import annotations

import http
from typing import Any

from pydantic import BaseModel, Field

from shared.http.problems import PROBLEM_MEDIA_TYPE

_WHEN = {
    400: "The body isn't JSON in UTF-8, or the cursor is damaged or another list's.",
    401: "No token, or one that isn't valid.",
    403: "A valid token without the role.",
    404: "No such thing.",
    409: "It exists already, or its state doesn't allow this.",
    412: "If-Match names another version than the current one.",
    413: "The body has more than 1 MiB.",
    415: "The body isn't declared as JSON.",
    422: "Something in the request isn't as documented; `errors` says what.",
    429: "Too many failed tries; see Retry-After.",
    501: "This deployment's database has no text index.",
    503: "A part that is needed is away or too slow; see Retry-After.",
}


class ProblemField(BaseModel):
    """A field that failed validation."""

    loc: list[str | int] = Field(examples=[["body", "price"]])
    msg: str = Field(examples=["expected at most two decimals, got 1.999"])


class Problem(BaseModel):
    """An error as of RFC 9457."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str
    instance: str = Field(examples=["/api/products"])
    errors: list[ProblemField] = Field(default=[], description="Only where validation failed.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that can end with these statuses."""
    return {
        status: {
            "description": f"{http.HTTPStatus(status).phrase}: {_WHEN[status]}",
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas that `problems` refers to: FastAPI knows only those of its own media type."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= schema.pop("$defs") | {"Problem": schema}
    return document


READ_PROBLEMS = problems(422, 503)
WRITE_PROBLEMS = problems(400, 401, 403, 409, 413, 415, 422, 503)
