"""Which traces the worker sends: a share of them, and every import's.

The SDK has samplers by share and by parent; none keeps one kind of work whole and gives Application Insights the share
that each of the others was drawn with. The Functions host samples nothing and marks all its traces as sampled
(azure-functions-host #11496), so that mark isn't asked: the host counts all requests, the work in them is drawn.
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

# By this attribute the exporter tells how many spans each stands for (itemCount), in percent.
_SAMPLE_RATE = "_MS.sampleRate"
_ALL_RATE = 100.0
_KEPT = create_key("kept")
_DRAWN = create_key("drawn")

# What a root span is begun in that was drawn already, and in what is kept whatever is drawn.
DRAWN = set_value(_DRAWN, True, Context())  # noqa: FBT003  # the library's signature


def keeping(context: Context) -> Context:
    """The context in which every span is kept."""
    return set_value(_KEPT, True, context)  # noqa: FBT003  # the library's signature


class WorkSampler(Sampler):
    """See the module."""

    def __init__(self, ratio: float) -> None:
        """`ratio` of the traces are drawn, by their ids."""
        self._bound = TraceIdRatioBased.get_bound_for_rate(ratio)
        self._drawn = SamplingResult(Decision.RECORD_AND_SAMPLE, {_SAMPLE_RATE: ratio * _ALL_RATE})
        self._kept = SamplingResult(Decision.RECORD_AND_SAMPLE, {_SAMPLE_RATE: _ALL_RATE})
        self._left = SamplingResult(Decision.DROP)

    def draws(self, trace_id: int) -> bool:
        """Whether the trace of this id is one of the share."""
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
        """Everything of what is kept; under a span of this process as that one; else by the trace's id."""
        if get_value(_KEPT, parent_context):
            return self._with(self._kept, attributes)
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid and not parent.is_remote:
            return self._with(self._drawn, attributes) if parent.trace_flags.sampled else self._left
        if get_value(_DRAWN, parent_context) or self.draws(trace_id):
            return self._with(self._drawn, attributes)
        return self._left

    @staticmethod
    def _with(result: SamplingResult, attributes: Attributes) -> SamplingResult:
        return SamplingResult(result.decision, {**dict(attributes or {}), **dict(result.attributes or {})})

    @override
    def get_description(self) -> str:
        return "WorkSampler"
