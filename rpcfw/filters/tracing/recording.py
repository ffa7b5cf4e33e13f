"""
One step of a call, recorded until it has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError
from rpcfw.filters.tracing.conventions import OK, description_of, failure_of
from rpcfw.spi.filter import CallStep
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.spi.tracer import Span
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.traced_error import traced_error

__all__ = ["Recorder"]


def _always(status: Status) -> bool:
    return True


class Recorder:
    """
    Takes calls through a step, and ends their spans.

    Spans begin by the time of day, and last as long as the monotonic clock says.

    Args:
        plugin_context: for both.
        is_error: whether a status is an error of this side; it is never asked about OK.
        marks_errors: whether an error gets the id of the trace, for who has made the call.
    """

    def __init__(
        self,
        plugin_context: PluginContext,
        is_error: Callable[[Status], bool] = _always,
        *,
        marks_errors: bool = False,
    ) -> None:
        self.time_of_day = plugin_context.time_of_day
        self._seconds = plugin_context.clock.seconds
        self._is_error = is_error
        self._marks_errors = marks_errors

    async def record(self, span: Span, began_at: float, call: Call, proceed: CallStep) -> Any:
        """
        Run the rest of the stack. The span ends with it; of a streaming call, with its stream.

        Args:
            began_at: when the span began.
        """
        seconds = self._seconds
        offset = began_at - seconds()
        try:
            response = await proceed(call)
        except CallError as error:
            self._fail(span, seconds() + offset, error.status, error)
            own = traced_error(error, span.trace_id) if self._marks_errors else error
            if own is error:
                raise
            raise own from error
        except CANCELLED:
            # A server's call is cancelled at its deadline too; its peer gets that status.
            now = seconds()
            self._fail(span, now + offset, call.status_if_cancelled(now), None)
            raise
        except BaseException as error:
            self._fail(span, seconds() + offset, Status.UNKNOWN, error)
            raise
        if call.method.server_streams:
            call.on_end(lambda status: self._end(span, seconds() + offset, status))
        elif call.cancelled:  # its method did not heed that; the peer got another status
            self._end(span, seconds() + offset, call.status_if_cancelled(seconds()))
        else:
            span.end(seconds() + offset, OK)
        return response

    def _end(self, span: Span, at_s: float, status: Status) -> None:
        if status is Status.OK:
            span.end(at_s, OK)
        else:
            self._fail(span, at_s, status, None)

    def _fail(self, span: Span, at_s: float, status: Status, error: BaseException | None) -> None:
        text = description_of(error) if self._is_error(status) else None
        span.end(at_s, failure_of(status, error), error=text)
