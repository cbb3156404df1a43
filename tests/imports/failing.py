"""Lets a call fail as a dying process does: before it has done its work, or after it and before anybody knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest


class Died(BaseException):
    """The process is gone: nothing catches this."""


def die_once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, when: Literal["before", "after"]) -> None:
    """The next call of this (plain) function or method is the process's last."""
    whole: Callable[..., Any] = getattr(owner, name)
    died = False

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal died
        if died:
            return whole(*args, **kwargs)
        died = True
        if when == "after":
            whole(*args, **kwargs)
        raise Died

    monkeypatch.setattr(owner, name, call)
