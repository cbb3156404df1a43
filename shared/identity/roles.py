"""Users and what their role lets them do. A role is Firebase's custom claim `role`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

type Role = Literal["editor", "admin"]

_RANK = {None: 0, "editor": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has signed up; `role` is null for one who may only read."""

    uid: str
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    role: Annotated[Role | None, Field(examples=["editor"])]


def role_of(claims: Mapping[str, Any] | None) -> Role | None:
    """The role among custom claims or a token's claims; anything unknown there is none."""
    match (claims or {}).get("role"):
        case "editor":
            return "editor"
        case "admin":
            return "admin"
        case _:
            return None


def includes(role: Role | None, needed: Role | None) -> bool:
    """Whether who has `role` may do what `needed` may: admin includes editor."""
    return _RANK[role] >= _RANK[needed]
