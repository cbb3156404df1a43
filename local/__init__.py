"""Runs the whole application on one machine."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).parent.parent
