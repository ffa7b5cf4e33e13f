"""
Filters: steps that every call passes, on the client and on the server.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call

__all__ = ["CallStep", "Filter", "Role"]

#: The rest of the stack, as a filter sees it. Returns the response message, or an
#: async iterator of messages if the server streams; raises `CallError`.
CallStep = Callable[[Call], Coroutine[Any, Any, Any]]


class Role(Enum):
    """
    The named places of the three stacks, in their order, outermost first.
    """

    # The client's call stack: once a call.
    METRICS = "METRICS"
    TRACING = "TRACING"
    ACCESS_LOG = "ACCESS_LOG"
    DEADLINE = "DEADLINE"
    USER = "USER"
    GUARD = "GUARD"
    ATTEMPTS = "ATTEMPTS"
    ROUTING = "ROUTING"
    SELECTION = "SELECTION"
    # The client's attempt stack: once an attempt, on the chosen node.
    ATTEMPT_TRACING = "ATTEMPT_TRACING"
    ATTEMPT_METRICS = "ATTEMPT_METRICS"
    BREAKER = "BREAKER"
    LIMIT = "LIMIT"
    ATTEMPT_DEADLINE = "ATTEMPT_DEADLINE"
    CREDENTIALS = "CREDENTIALS"
    # The server's stack has METRICS, TRACING, ACCESS_LOG, then these two, then
    # DEADLINE, AUTH, USER.
    ADMISSION = "ADMISSION"
    AUTH = "AUTH"


class Filter(Plugin):
    """
    One step of a stack.

    It may change the call, answer itself, call ``proceed`` once, not at all, or
    several times, and learn how the call ended.

    A filter must let `BaseException`s that are not `CallError`s pass (they are
    cancellations and bugs), must not swallow the end of a streaming response
    (use `Call.on_end`), and must not keep the call after it.
    """

    #: On a server, some wires have method and metadata in the body of a request. A filter
    #: that decides without these sets this to False, as a limit for the whole server does:
    #: for such a wire it runs before the body is decoded, outside of all other filters, and
    #: sees a call that has no more than `Call.peer` and `Call.deadline` yet.
    needs_head: ClassVar[bool] = True

    @abstractmethod
    async def apply(self, call: Call, proceed: CallStep) -> Any:
        """
        Take ``call`` through this step and the rest, ``proceed(call)``.
        """

    def of_node(self, node: Candidate) -> Filter:
        """
        Return the filter for the attempts on one node: by default, this one for all.

        Asked once for each node, where the filter is in the client's attempt stack.
        A filter that keeps something for each node, such as a breaker its failures, returns
        a new one here. That one is not started and not stopped; when options are replaced,
        it is asked to `take_over` from the one that the node had.
        """
        return self

    def bind(self, proceed: CallStep) -> CallStep:
        """
        Return this step joined to the rest.

        Runs whenever a stack is built: at a server for two of the same filters (see
        `needs_head`), and again when the options of some policy are replaced. So what calls
        share, and what has to outlast that, is kept in the filter itself.

        A filter on every call's way may override it with a closure that holds
        what it needs, and then answers for the same behaviour as `apply`.
        """
        apply = self.apply

        def step(call: Call) -> Coroutine[Any, Any, Any]:
            return apply(call, proceed)

        return step
