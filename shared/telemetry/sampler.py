"""Samples the worker's traces: a share of all traces, and every import's.

The SDK has samplers by ratio and by parent. None of them keeps the whole trace of one kind of work and tells
Application Insights the ratio of the others. The Functions host samples nothing and marks all its traces as sampled
(azure-functions-host #11496), so this sampler ignores that mark. The host counts all requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, override

from opentelemetry import trace
from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased

if TYPE_CHECKING:
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

# In percent. The exporter derives from it how many spans each one stands for (itemCount).
_SAMPLE_RATE = "_MS.sampleRate"
_ALL_RATE = 100.0
_KEPT = create_key("kept")
_SAMPLED = create_key("sampled")

# The context of a root span that was sampled already.
SAMPLED_ROOT = set_value(_SAMPLED, True, Context())  # noqa: FBT003  # the library's signature


def keeping(context: Context) -> Context:
    """The context with a mark that every span in it is sent."""
    return set_value(_KEPT, True, context)  # noqa: FBT003  # the library's signature


class WorkSampler(Sampler):
    """Samples by ratio, except for kept work."""

    def __init__(self, ratio: float) -> None:
        """`ratio` of the traces are sampled, by their ids."""
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)
        self._sampled = SamplingResult(Decision.RECORD_AND_SAMPLE, {_SAMPLE_RATE: ratio * _ALL_RATE})
        self._kept = SamplingResult(Decision.RECORD_AND_SAMPLE, {_SAMPLE_RATE: _ALL_RATE})
        self._dropped = SamplingResult(Decision.DROP)

    def samples(self, trace_id: int) -> bool:
        """Whether the trace with this id is sampled."""
        return trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < self._bound

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Keeps kept work; follows a parent of this process; else decides by the trace id."""
        if get_value(_KEPT, parent_context):
            return self._with(self._kept, attributes)
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid and not parent.is_remote:
            return self._with(self._sampled, attributes) if parent.trace_flags.sampled else self._dropped
        if get_value(_SAMPLED, parent_context) or self.samples(trace_id):
            return self._with(self._sampled, attributes)
        return self._dropped

    @staticmethod
    def _with(result: SamplingResult, attributes: Attributes) -> SamplingResult:
        return SamplingResult(result.decision, {**dict(attributes or {}), **dict(result.attributes or {})})

    @override
    def get_description(self) -> str:
        return "WorkSampler"
