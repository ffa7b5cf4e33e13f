"""
Filters: steps that every call goes through, in the client and in the server.
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

    It may change the call, answer it, and see how it ends. It may call ``proceed`` once, several
    times, or not at all.

    A filter must not catch a `BaseException` that is not a `CallError` (it is a cancellation or a
    bug). It must not hide the end of a streaming response (use `Call.on_end`). It must not keep
    the call object after the call.
    """

    #: In some protocols, method and metadata are in the body of a request. A filter that does
    #: not need them sets this to False, for example a limit for the whole server. With such a
    #: protocol it runs before the body is decoded, outside of all other filters. The call then
    #: has only `Call.peer` and `Call.deadline`.
    needs_head: ClassVar[bool] = True

    #: It decides by `Call.identity`, so in a server with authenticators it must be behind them.
    needs_identity: ClassVar[bool] = False

    #: Whether it waits for anything other than ``proceed``: a sleep, a lock, another call. A
    #: filter that never does may set this to False. Then calls through it are ended at their
    #: deadline from below, which is faster; see `rpcfw.spi.deadline_keeping`. A subclass with an
    #: `apply` or a `bind` of its own has to say it again.
    waits: bool = True

    #: It decides who may call, or records that. Rules from a registry may not change its options,
    #: nor remove it: who can write to the registry must not be able to open a server with that.
    protects: ClassVar[bool] = False

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "waits" not in cls.__dict__ and not cls.__dict__.keys().isdisjoint(("apply", "bind")):
            cls.waits = True

    @abstractmethod
    async def apply(self, call: Call, proceed: CallStep) -> Any:
        """
        Run this step for ``call``; ``proceed(call)`` runs the rest of the stack.
        """

    def of_node(self, node: Candidate) -> Filter:
        """
        Return the filter for the attempts on one node: by default, this one for all nodes.

        In the client's attempt stack it is called once for each node. A filter that keeps data for
        each node, such as the failures that a breaker counts, returns a new filter here. The new
        filter is not started and not stopped. When options are replaced, its `take_over` is called
        with the filter that the node had before.
        """
        return self

    def bind(self, proceed: CallStep) -> CallStep:
        """
        Return a function that runs this step and the rest of the stack.

        It is called whenever a stack is built: in a server for two stacks of the same filters (see
        `needs_head`), and again when the options of a policy are replaced. So data that calls
        share, or that must survive this, belongs in the filter itself.

        A filter that every call goes through may override it with a faster closure. The closure
        must do the same as `apply`.
        """
        apply = self.apply

        def step(call: Call) -> Coroutine[Any, Any, Any]:
            return apply(call, proceed)

        return step
