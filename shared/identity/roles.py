"""Users and their roles. A role is Firebase's custom claim `role`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

type Role = Literal["editor", "admin"]

_RANK = {None: 0, "editor": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class User:
    """A signed-up user; without a role the user may only read."""

    uid: str
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    role: Annotated[Role | None, Field(examples=["editor"])]


def role_of(claims: Mapping[str, Any] | None) -> Role | None:
    """The role in custom claims or in a token's claims; None for an unknown one."""
    match (claims or {}).get("role"):
        case "editor":
            return "editor"
        case "admin":
            return "admin"
        case _:
            return None


def includes(role: Role | None, needed: Role | None) -> bool:
    """Whether `role` allows what `needed` allows: admin includes editor."""
    return _RANK[role] >= _RANK[needed]
