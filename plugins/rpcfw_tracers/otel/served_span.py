"""
The span of a served call, as its method finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from types import TracebackType
from typing import Any

from opentelemetry.trace import Span, SpanContext
from opentelemetry.util.types import Attributes

from rpcfw_tracers.otel.exported_span import ChangedSpan, ExportedSpan

__all__ = ["ServedSpan"]

#: Two threads of one method must not both make the span that they change.
_changing = Lock()


class ServedSpan(Span):
    """
    A span that becomes one of the SDK's when a method changes it, or asks for more than its ids.

    Most never do: they are the parents of others.

    Args:
        exported: what is recorded of the call.
    """

    # It must not be referred to by what it refers to: no call leaves work for the collector.
    def __init__(self, exported: ExportedSpan) -> None:
        self.exported = exported

    def get_span_context(self) -> SpanContext:
        return self.exported.otel

    def is_recording(self) -> bool:
        changed = self.exported.changed
        return self.exported.is_open if changed is None else changed.is_recording()

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self._changed().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self._changed().set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        self._changed().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        self._changed().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        self._changed().update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        self._changed().set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        self._changed().record_exception(exception, attributes, timestamp, escaped)

    def end(self, end_time: int | None = None) -> None:
        self._changed().end(end_time)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._changed().__exit__(exc_type, exc_val, exc_tb)

    def __getattr__(self, name: str) -> Any:
        """
        Return what the SDK's spans have beyond the API, as ``attributes``.
        """
        return getattr(self._changed(), name)

    def _changed(self) -> ChangedSpan:
        exported = self.exported
        with _changing:
            if exported.changed is None:
                exported.changed = exported.change()
            return exported.changed
