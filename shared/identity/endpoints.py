"""The HTTP operations of sign-up, log-in and roles."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request
from starlette.responses import Response

from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.identity.authorization import Admin, Identity, SignedIn
from shared.identity.roles import User
from shared.identity.schemas import Email, LoggedIn, LogIn, NewRole, PasswordReset, Refresh, SignedUp, SignUp, Tokens

router = APIRouter(route_class=StrictRoute, tags=["identity"])

_WITH_BODY = problems(400, 413, 415, 422, 503)
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]*)\](:\d+)?|(?P<v4>[^:]*):\d+")
Uid = Annotated[str, Path(min_length=1, max_length=128, description="find_user gives it.")]


@router.post("/auth/signup", status_code=201, summary="Sign up", responses=_WITH_BODY | problems(409, 429))
async def sign_up(request: Request, new: Annotated[SignUp, Body()], identity: Identity) -> SignedUp:
    """A new user has no role and may read. An admin gives a role with set_role."""
    return await identity.sign_up(new, client_address(request))


@router.post("/auth/login", summary="Log in", responses=_WITH_BODY | problems(401, 429))
async def log_in(request: Request, given: Annotated[LogIn, Body()], identity: Identity) -> LoggedIn:
    """A wrong password and an unknown e-mail get the same 401. After 10 failures of an e-mail each attempt gets 429."""
    return await identity.log_in(given, client_address(request))


@router.post("/auth/refresh", summary="Refresh an ID token", responses=_WITH_BODY | problems(401))
async def refresh_token(given: Annotated[Refresh, Body()], identity: Identity) -> Tokens:
    """The new ID token has the user's current role."""
    return await identity.refresh(given.refresh_token)


@router.post(
    "/auth/password-reset",
    status_code=202,
    summary="Reset a password",
    response_class=Response,
    responses=_WITH_BODY,
)
async def reset_password(given: Annotated[PasswordReset, Body()], identity: Identity) -> Response:
    """Firebase sends a link if a user has this e-mail address. The reply is the same if there is none."""
    await identity.reset_password(given.email)
    return Response(status_code=202)


@router.post("/auth/logout", status_code=204, summary="Log out everywhere", responses=problems(401, 422, 503))
async def log_out(user: SignedIn, identity: Identity) -> Response:
    """Revokes all of your tokens, ID tokens too."""
    await identity.revoke_tokens(user.uid)
    return Response(status_code=204)


@router.get("/auth/me", summary="Get the signed-in user", responses=problems(401, 422, 503))
async def get_me(user: SignedIn) -> User:
    """The user and role of your ID token. A role that changed since then shows with the next token."""
    return user


@router.get("/users", summary="Find a user by e-mail", responses=problems(401, 403, 404, 422, 503))
async def find_user(_admin: Admin, email: Annotated[Email, Query()], identity: Identity) -> User:
    """The user with the current role, whatever the user's ID token says."""
    return await identity.find_user(email)


@router.put(
    "/users/{uid}/role",
    summary="Set or remove a role",
    responses=_WITH_BODY | problems(401, 403, 404, 409),
)
async def set_role(acting: Admin, uid: Uid, new: Annotated[NewRole, Body()], identity: Identity) -> User:
    """The role counts from the user's next ID token. Removing a role revokes the user's tokens. Your own role: 409."""
    return await identity.set_role(acting, uid, new.role)


def client_address(request: Request) -> str:
    """The last entry of X-Forwarded-For without its port; without the header the peer's address.

    Azure's front end appends the last entry. The client can choose earlier entries freely.
    """
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    if not forwarded:
        return request.client.host if request.client else ""
    match = _WITH_PORT.fullmatch(forwarded)
    host = (match["v6"] or match["v4"] or "") if match else forwarded
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
