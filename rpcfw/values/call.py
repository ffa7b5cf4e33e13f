"""
A call on its way through the filters, on either side.

Made once for each call and written to by the filters that it passes, so it is
kept small: everything that most calls do not need is a shared default.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from math import inf
from typing import Any

from attrs import define, field

from rpcfw.status import Status
from rpcfw.values.caller_identity import ANONYMOUS, CallerIdentity
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.method import Method
from rpcfw.values.phases import Phases
from rpcfw.values.trace_context import TraceContext

__all__ = ["Call", "serving"]


@define(eq=False)
class Call:
    """
    One call.

    Args:
        method: what is called.
        request: the message; an async iterator of messages if the client
            streams; on a server, before the innermost step, bytes not yet read.
        metadata: sent by the caller with the request.
        deadline: in seconds of the process's clock; `math.inf` for no limit. In a server it is
            `math.inf` again when the call has ended, so that it does not limit work that
            outlives the call.
        caller: name of the calling application, empty for unknown.
        peer: text of the address at the other end, once there is one.
        identity: in a server, who the caller has proved to be.
        attempt: the number of attempts that have begun: 1 during the first.
        route: the nodes that the routers left, set by the ROUTING filter.
        tried: the nodes that attempts went to.
        response_metadata: what the server sent before its first message.
        trailers: what the server sent after its last one.
        cancelled: the caller has cancelled it, or its deadline has passed.
        ended: set by `on_end`; run by `end`.
        end_status: how its streaming response ended, once it has.
        stream: the streaming response that the innermost step opened; it is cancelled if an
            outer step fails.
        compression: the compression that its caller, or in a server its method, chose;
            ``none`` for no compression, None for the default of ``[compression]``.
        credentials: in a client, what adds credentials to the metadata of each attempt.
        phases: where its time goes; None as long as nobody has noted anything.
        expired: in a client, whether it was cancelled because its deadline has passed, for steps
            that keep the deadline; None: the others need not. See `rpcfw.spi.deadline_keeping`.
        trace: its place in a trace that is recorded, set by the TRACING filters; None if none is.
    """

    method: Method
    request: Any
    metadata: Metadata = EMPTY
    deadline: float = inf
    caller: str = ""
    peer: str = ""
    identity: CallerIdentity = ANONYMOUS
    attempt: int = 0
    route: Any = None
    tried: tuple[Any, ...] = ()
    response_metadata: Metadata = EMPTY
    trailers: Metadata = EMPTY
    cancelled: bool = False
    ended: list[Callable[[Status], None]] | None = None
    end_status: Status | None = None
    stream: Any = None
    compression: str | None = None
    credentials: Any = None
    trace: TraceContext | None = None
    phases: Phases | None = None
    expired: bool | None = None
    #: Set by `end`, and read after it alone: so it costs a call nothing.
    failed: Callable[[Exception], Any] | None = field(init=False)
    #: In a server, the name of the wire protocol. Set if calls are traced or logged; likewise.
    wire: str = field(init=False)
    #: Why another attempt is made: the status of the last one. Set with the second; likewise.
    repeats: str = field(init=False)

    @property
    def once_per_node(self) -> bool:
        """
        Whether it must not go to a node in `tried`. See `rpcfw.spi.attempts.sibling`.
        """
        return False

    @property
    def trace_id(self) -> str:
        """
        The id of its trace, for logs; empty if it is not recorded.
        """
        return "" if self.trace is None else self.trace.trace_id

    def status_if_cancelled(self, now: float) -> Status:
        """
        Return how a call has ended that was cancelled: by its deadline, or by its caller.
        """
        return Status.DEADLINE_EXCEEDED if self.deadline <= now else Status.CANCELLED

    def on_end(self, callback: Callable[[Status], None]) -> None:
        """
        Call ``callback(status)`` when a streaming response has ended.

        For a filter, a streaming call returns when its response begins; this reports the end.
        The callback that was added last runs first. A unary call has ended when ``proceed``
        returns or raises, so it needs no callback. If the response has ended already, the
        callback runs at once.
        """
        if self.end_status is not None:
            try:
                callback(self.end_status)
            except Exception as error:  # raised at whoever reported the end
                if self.failed is None:
                    raise
                self.failed(error)
            return
        # `end` may run meanwhile, where a method that blocks asks for this in its thread.
        ended = self.ended
        if ended is None:
            ended = self.ended = []
        ended.append(callback)

    def end(self, status: Status, failed: Callable[[Exception], Any] | None = None) -> None:
        """
        Run what `on_end` was given, once: all of it, even if some of it fails.

        Args:
            failed: called with what callbacks raise that come too late for this.

        Raises:
            Exception: the first that one of them raised.
        """
        if self.end_status is not None:
            return
        self.end_status, self.failed = status, failed
        callbacks, self.ended = self.ended, None
        first: Exception | None = None
        for callback in reversed(callbacks or ()):
            try:
                callback(status)
            except Exception as error:  # noqa: BLE001 - raised when all were called
                first = first or error
        if first is not None:
            raise first


#: The call that the running code serves, if it serves one. Calls made meanwhile
#: are nested in it: they inherit its deadline.
serving: ContextVar[Call | None] = ContextVar("rpcfw.serving", default=None)
