"""Lets tests of other rooms past the guards; who may do what is tested in tests/identity."""

from __future__ import annotations

from fastapi import FastAPI


def let_everybody_in(framework: FastAPI) -> None:
    """Every request counts as an administrator's."""
    _ = framework
