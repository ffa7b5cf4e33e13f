"""
The provider of a program that has none of its own.
"""

from __future__ import annotations

from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider

__all__ = ["OwnProvider"]

#: A span has fewer attributes, and none of them is long.
_ATTRIBUTES = 16


class OwnProvider(TracerProvider):
    """
    A provider that has one processor, until the program adds others.
    """

    #: Whether its processors have to see how spans begin, or attributes have to be cut.
    needs_sdk_spans = False

    def export_by(self, processor: SpanProcessor) -> None:
        """
        Set the processor that sends spans. It does nothing when they begin.
        """
        limits = SpanLimits()  # as the environment says
        most = limits.max_span_attributes
        few = most is not None and most < _ATTRIBUTES
        self.needs_sdk_spans = few or limits.max_span_attribute_length is not None
        super().add_span_processor(processor)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        self.needs_sdk_spans = True
        super().add_span_processor(span_processor)
