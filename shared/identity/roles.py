"""Users and their roles. A role is Firebase's custom claim `role`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

type Role = Literal["editor", "admin"]

# In ascending order: each may do what those before it may.
_ROLES: tuple[Role, ...] = ("editor", "admin")
_RANKS = {role: rank for rank, role in enumerate((None, *_ROLES))}


@dataclass(frozen=True, slots=True)
class User:
    """A signed-up user; without a role the user may only read."""

    uid: str
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    role: Annotated[Role | None, Field(examples=["editor"])]


def role_of(claims: Mapping[str, Any]) -> Role | None:
    """The role in custom claims or in a token's claims; None for an unknown one."""
    return next((role for role in _ROLES if role == claims.get("role")), None)


def includes(role: Role | None, needed: Role | None) -> bool:
    """Whether `role` allows what `needed` allows: admin includes editor."""
    return _RANKS[role] >= _RANKS[needed]
