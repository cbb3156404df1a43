"""A FastAPI route with exact numbers and without unknown or repeated query parameters.

FastAPI reads a JSON number into a binary float, in which 0.1000000000000000055 is 0.1. It also ignores query
parameters that it doesn't know. This route reads numbers as Decimal, and refuses unknown and repeated parameters.
"""

from __future__ import annotations

import contextvars
import functools
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, override

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute

from shared.http.problems import BadRequestError, FieldError, ValidationFailedError
from shared.http.validation import json_value

if TYPE_CHECKING:
    from starlette.responses import Response

# ASGI scope key of the error of a body that isn't JSON. It is raised after the guards: 401 and 403 come before 400.
UNREADABLE_BODY = "catalog.unreadable_body"

# No field takes a longer number. Python's int raises an error beyond 4,300 digits; Decimal doesn't.
_MAX_INT_DIGITS = 30


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else Decimal(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def exact_json(body: bytes) -> object:
    """The body's value; numbers with a point or an exponent are Decimal.

    Raises BadRequestError where the body isn't JSON in UTF-8 (RFC 8259).
    """
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_int=_integer, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadRequestError(
            f"The body: expected JSON in UTF-8, got another encoding at byte {error.start}."
        ) from error
    except json.JSONDecodeError as error:
        raise BadRequestError(
            f"The body: expected JSON, got something else at line {error.lineno}, column {error.colno}."
        ) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise BadRequestError("The body: expected JSON, got a number or a nesting that JSON readers refuse.") from error


type Endpoint = Callable[..., Coroutine[Any, Any, Any]]


class _Unreadable:
    """Stands for a body that isn't JSON. No model accepts it."""


class ExactRequest(Request):
    """A request whose JSON is read by `exact_json`."""

    @override
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            try:
                self._json = exact_json(await self.body())
            except BadRequestError as error:
                self.scope[UNREADABLE_BODY] = error
                self._json = _Unreadable()
        return self._json


_request: contextvars.ContextVar[Request] = contextvars.ContextVar("request")


class StrictRoute(APIRoute):
    """Route of `APIRouter(route_class=StrictRoute)`; endpoints are `async def`."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:  # noqa: ANN401  # APIRoute's own
        super().__init__(path, _with_checked_query(path, endpoint), **options)

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_exactly(request: Request) -> Response:
            exact = ExactRequest(request.scope, request.receive)
            _request.set(exact)
            return await handle(exact)

        return handle_exactly


def _with_checked_query(path: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint with a check of the query, which runs last: a guard's 401 or 403 comes before a 422."""
    known = frozenset(_query_names(get_dependant(path=path, call=endpoint)))

    @functools.wraps(endpoint)
    async def checked(**values: Any) -> Any:  # noqa: ANN401  # any endpoint's
        _check_query(_request.get(), known)
        return await endpoint(**values)

    return checked


def _query_names(dependant: Dependant) -> list[str]:
    names = []
    for parameter in dependant.query_params:
        model_fields = getattr(parameter.field_info.annotation, "model_fields", None)
        names += list(model_fields) if model_fields else [parameter.alias]
    return names


def _check_query(request: Request, known: frozenset[str]) -> None:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            expected = f"one of {', '.join(sorted(known))}" if known else "no query parameters"
            errors.append({"loc": ["query", name], "msg": f"expected {expected}, got {json_value(name)}"})
        elif name in seen:
            errors.append({"loc": ["query", name], "msg": "expected one value, got more than one"})
        seen.add(name)
    if errors:
        raise ValidationFailedError(*errors)
