"""
Tracers: they record what a call was part of, and how long each step of it took.

The filters of `rpcfw.filters.tracing` decide which calls are recorded, and what travels. A tracer
only records.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import ClassVar, Literal

from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Plugin
from rpcfw.values.trace_context import TraceContext
from rpcfw.values.units import PerSecond, Share

__all__ = ["Attributes", "Span", "SpanKind", "Tracer", "TracerOptions"]

Attributes = Mapping[str, str | int]


class SpanKind(Enum):
    """
    The steps that are recorded.
    """

    #: In a client, a call with all its attempts.
    CALL = "call"
    #: In a client, one attempt: on the wire it is the parent of what the server records.
    ATTEMPT = "attempt"
    #: In a server.
    SERVED = "served"


@options
class TracerOptions:
    """
    The options that all tracers have.
    """

    sample: Share = option(
        "100%", "how many of the traces that begin here are recorded; others follow their callers"
    )
    max_rate: PerSecond = option(
        "1000/s",
        "calls that are recorded in a second, since a peer may ask for each of its calls to be; "
        "0/s: no limit",
    )
    unrecorded_ids: Literal["shared", "own"] = option(
        "shared",
        "trace ids of calls that begin here and are not recorded; shared: about a thousand calls "
        "have the same one; own: each has its own, for services that log the ids of such calls or "
        "record them all the same, which costs each side some microseconds",
    )


class Span(TraceContext, ABC):
    """
    A step that is being recorded. It is the context that travels, too.

    If `sampled` is False, the tracer has decided not to record it; then `end` need not be called.
    """

    __slots__ = ()

    @abstractmethod
    def end(self, at_s: float, attributes: Attributes, *, error: str | None = None) -> None:
        """
        End it.

        Args:
            at_s: when, in seconds since 1970.
            attributes: further ones.
            error: what went wrong, in a sentence; None if nothing did.
        """


class Tracer(Plugin):
    """
    Records the steps of calls. All of its methods are on the path of calls, and never wait.
    """

    Options: ClassVar[type] = TracerOptions
    options: TracerOptions

    @abstractmethod
    def current(self) -> TraceContext | None:
        """
        Return where the running code is in a trace; None if it is in none.

        Of a trace that is not recorded, too: then `TraceContext.sampled` is False.
        """

    @abstractmethod
    def baggage(self) -> str:
        """
        Return the W3C baggage of the running code, as it travels; empty for none.
        """

    def outgoing(self) -> tuple[TraceContext | None, str]:
        """
        Return `current` and `baggage`, for a call that the running code makes.

        Each call asks for them. Override it if both can be found at once.
        """
        return self.current(), self.baggage()

    @abstractmethod
    def begin(
        self,
        kind: SpanKind,
        name: str,
        parent: TraceContext | None,
        attributes: Attributes,
        at_s: float,
    ) -> Span | None:
        """
        Begin a step. None: nothing is recorded in this process, nor sent to others.

        Args:
            name: the method; few different ones.
            parent: None: for a served call, a new trace begins; for others, what is `current`.
            attributes: not changed later, neither here nor there.
            at_s: when it began, in seconds since 1970.
        """

    @abstractmethod
    def enter(self, trace: TraceContext, baggage: str) -> None:
        """
        Make a trace the `current` one, for the rest of the context (`contextvars`) that runs.

        Args:
            trace: one that `begin` returned, or one that is not recorded.
            baggage: as a peer has sent it. What is malformed is ignored.
        """
