"""The metrics' names and labels in the code are those that queries may name; counts add up."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.telemetry import metrics
from shared.telemetry.metrics import ConnectionsInUse, Count, Gauge
from tests.telemetry.fields import FIELDS


def test_the_metrics_of_the_code_are_those_of_the_fields() -> None:
    all_metrics = (*metrics.OBSERVED_COUNTS, *metrics.OBSERVED_VALUES, *metrics.DISTRIBUTIONS)
    assert {each.name: sorted(each._labels) for each in all_metrics} == FIELDS["customMetrics"]


def test_a_count_adds_up_for_each_label() -> None:
    count = Count("rows", "{row}", "Rows.", "kind")
    count.add("products")
    count.add("products", amount=4)
    count.add("categories")
    assert list(count.observed()) == [({"kind": "products"}, 5), ({"kind": "categories"}, 1)]


def test_a_gauge_says_nothing_before_it_was_set() -> None:
    gauge = Gauge("state", "1", "A state.")
    assert list(gauge.observed()) == []
    gauge.set(2)
    assert list(gauge.observed()) == [({}, 2)]


def test_a_gauge_that_nobody_looks_at_any_more_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("shared.telemetry.metrics.time.monotonic", lambda: now)
    age = Gauge("age", "s", "An age.", lasts_seconds=90)
    age.set(70)
    now = 89.0
    assert list(age.observed()) == [({}, 70)]
    now = 91.0
    assert list(age.observed()) == []


def test_what_one_instance_saw_of_the_outbox_alarms_nobody_for_ever() -> None:
    assert all(0 < gauge._lasts_seconds < 300 for gauge in (metrics.OUTBOX_LENGTH, metrics.OUTBOX_AGE))


def test_connections_in_use_are_those_that_are_checked_out() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.QueuePool)
    in_use = ConnectionsInUse("pool", "{connection}", "Connections.", "pool")
    in_use.watch(engine, "catalog")
    with engine.connect():
        assert list(in_use.observed()) == [({"pool": "catalog"}, 1)]
    assert list(in_use.observed()) == [({"pool": "catalog"}, 0)]
    engine.dispose()
