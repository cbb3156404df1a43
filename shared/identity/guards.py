"""Who may do what. (Provisional: everybody may write on a local machine, and nowhere else.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from shared.dependencies import ServicesDep
from shared.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    uid: str


def _local_user(services: ServicesDep) -> User:
    if not services.settings.is_local:
        raise ForbiddenError("Writes are open on a local machine only.")
    return User("local")


SignedIn = Annotated[User, Depends(_local_user)]
Editor = Annotated[User, Depends(_local_user)]
Admin = Annotated[User, Depends(_local_user)]
