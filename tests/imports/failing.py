"""Failures for tests: a process that dies in a call, a Data Factory that refuses runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from shared.imports.data_factory import DataFactoryClient, DataFactoryRejectedError


class Died(BaseException):
    """The process has died: the app never catches this."""


def die_once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, when: Literal["before", "after"]) -> None:
    """The process dies in the next call of this function or method: before its work, or after it."""
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


@contextmanager
def full_factory_queue() -> Iterator[None]:
    """Data Factory refuses every run."""

    def refuse(*_: object) -> str:
        raise DataFactoryRejectedError("The queue is full.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DataFactoryClient, "create_run", refuse)
        yield
