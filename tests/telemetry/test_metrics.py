"""The names and labels of the metrics are those that queries may use; totals add up."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.telemetry import metrics
from shared.telemetry.metrics import ConnectionsInUse, Counter, Gauge
from tests.telemetry.conftest import FIELDS


def test_the_metrics_of_the_code_are_those_of_the_posted_fields() -> None:
    all_metrics = (*metrics.COUNTERS, *metrics.GAUGES, *metrics.HISTOGRAMS)
    assert {metric.name: sorted(metric.label_names) for metric in all_metrics} == FIELDS["customMetrics"]


def test_a_counter_adds_up_for_each_label_value() -> None:
    counter = Counter("rows", "{row}", "Rows.", ("kind",))
    counter.add("products")
    counter.add("products", amount=4)
    counter.add("categories")
    assert list(counter.observed()) == [({"kind": "products"}, 5), ({"kind": "categories"}, 1)]


def test_a_gauge_has_no_value_before_it_is_set_and_after_its_maximum_age(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("shared.telemetry.metrics.time.monotonic", lambda: now)
    age = Gauge("age", "s", "An age.", max_age_seconds=90)
    assert list(age.observed()) == []
    age.set(70)
    now = 89.0
    assert list(age.observed()) == [({}, 70)]
    now = 91.0
    assert list(age.observed()) == []


def test_an_old_value_of_the_outbox_expires() -> None:
    assert all(0 < gauge.max_age_seconds < 300 for gauge in (metrics.OUTBOX_LENGTH, metrics.OUTBOX_AGE))


def test_connections_in_use_are_those_that_are_checked_out() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.QueuePool)
    in_use = ConnectionsInUse("pool", "{connection}", "Connections.", ("pool",))
    in_use.watch(engine, "catalog")
    with engine.connect():
        assert list(in_use.observed()) == [({"pool": "catalog"}, 1)]
    assert list(in_use.observed()) == [({"pool": "catalog"}, 0)]
    engine.dispose()
