"""STUB, being written."""

from typing import Annotated

from fastapi import Depends


def _u() -> str:
    return "u"


Editor = Annotated[str, Depends(_u)]
Admin = Annotated[str, Depends(_u)]
SignedIn = Annotated[str, Depends(_u)]
