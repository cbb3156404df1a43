"""The sampler sends a share of the traces and all of the imports', and each span has its sampling rate."""

from __future__ import annotations

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from shared.telemetry.sampler import WorkSampler, keeping

_COUNT = 2_000


def _spans(ratio: float) -> tuple[trace.Tracer, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=WorkSampler(ratio))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test"), exporter


def _rates(spans: tuple[ReadableSpan, ...]) -> set[object]:
    return {(span.attributes or {})["_MS.sampleRate"] for span in spans}


def test_a_share_of_the_traces_is_sampled_and_has_its_rate() -> None:
    tracer, exporter = _spans(0.25)
    for _ in range(_COUNT):
        with tracer.start_as_current_span("request", Context()), tracer.start_as_current_span("SELECT"):
            pass
    sampled = exporter.get_finished_spans()
    assert 0.2 < len(sampled) / _COUNT / 2 < 0.3
    assert _rates(sampled) == {25.0}
    # A trace is sampled as a whole.
    assert len({span.context.trace_id for span in sampled if span.context}) * 2 == len(sampled)


def test_the_hosts_sampled_flag_is_ignored() -> None:
    tracer, exporter = _spans(0.25)
    for number in range(_COUNT):
        host = SpanContext(number * 2**54 + 1, 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        tracer.start_span("request", trace.set_span_in_context(NonRecordingSpan(host), Context())).end()
    assert 0.2 < len(exporter.get_finished_spans()) / _COUNT < 0.3


def test_an_import_is_sent_whole_in_a_trace_that_is_not_sampled() -> None:
    tracer, exporter = _spans(0.0)
    with tracer.start_as_current_span("reconcile_imports", Context()):
        token = context.attach(keeping(context.get_current()))
        with tracer.start_as_current_span("bring_on_import"), tracer.start_as_current_span("SELECT"):
            pass
        context.detach(token)
        tracer.start_span("SELECT").end()
    kept = exporter.get_finished_spans()
    assert [span.name for span in kept] == ["SELECT", "bring_on_import"]
    assert _rates(kept) == {100.0}
