"""Authorization by role: `SignedIn`, `Editor` and `Admin` are types of an endpoint's parameter.

FastAPI resolves them before it validates the rest of the request, so 401 and 403 come before 422, 404 and 409. An
operation without one of them is public and ignores tokens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, override

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from shared.http.dependencies import provided
from shared.http.problems import ForbiddenError, UnauthorizedError
from shared.identity.roles import Role, User, includes

if TYPE_CHECKING:
    from shared.identity.service import IdentityService

# RFC 6750's b64token: it has no comma, which joins repeated headers. The emulator's tokens end in a dot.
_BEARER = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)


class _BearerToken(HTTPBearer):
    """FastAPI's bearer scheme (for the OpenAPI document), which takes exactly one Authorization header."""

    @override
    async def __call__(self, request: Request) -> str:  # type: ignore[override]  # the token alone is what is needed
        headers = request.headers.getlist("authorization")
        if len(headers) > 1:
            raise UnauthorizedError("Expected one Authorization header, got more than one.")
        if not headers:
            raise UnauthorizedError("Expected the header `Authorization: Bearer <ID token>`, got none.")
        match = _BEARER.fullmatch(headers[0])
        if not match:
            raise UnauthorizedError("Expected the header `Authorization: Bearer <ID token>`, got something else.")
        return match.group(1)


_bearer_token = _BearerToken(
    scheme_name="bearer", bearerFormat="JWT", description="The `id_token` of log_in.", auto_error=False
)

Identity = Annotated["IdentityService", provided("identity")]


async def signed_in(token: Annotated[str, Depends(_bearer_token)], identity: Identity) -> User:
    """The user of the request's token. Raises UnauthorizedError, and UnavailableError where Firebase doesn't answer."""
    return await identity.verify(token)


SignedIn = Annotated[User, Depends(signed_in)]


def _with_role(role: Role) -> Any:  # noqa: ANN401  # FastAPI's Depends has no type
    async def check(user: SignedIn) -> User:
        if not includes(user.role, role):
            came = f"the role {user.role}" if user.role else "no role"
            raise ForbiddenError(f"Expected a token with the role {role}, got one with {came}.")
        return user

    return Depends(check)


Editor = Annotated[User, _with_role("editor")]
Admin = Annotated[User, _with_role("admin")]
