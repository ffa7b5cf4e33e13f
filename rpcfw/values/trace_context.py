"""
Where a call is in its trace, as it travels: W3C Trace Context (https://www.w3.org/TR/trace-context-1/).

What does not keep to the specification is as if it had not been sent: nobody's call fails for it.
"""

from __future__ import annotations

import re

from attrs import frozen

from rpcfw.values.metadata import Metadata

__all__ = ["BAGGAGE", "TRACEPARENT", "TRACESTATE", "TraceContext", "listed"]

#: The names of the pairs of metadata; the same on every wire.
TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
BAGGAGE = "baggage"

#: What all send today: version 00, with ids that are not all 0.
_CURRENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])\Z")
#: The flag for sampled is the lowest bit.
_ODD = "13579bdf"
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")
_VERSION_0 = "00"
_NO_VERSION = "ff"
_SAMPLED = 0x01
#: A later version may add something behind; it is not read.
_MAX_TRACEPARENT = 256

#: Section 3.3.1.1. No more need be passed on (3.3.1.5), so no more is.
_MAX_TRACESTATE = 512
_MAX_MEMBERS = 32
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rf"({_KEY})=({_VALUE})\Z")


@frozen
class TraceContext:
    """
    The span that a call belongs to.

    Args:
        trace_id: 32 hexadecimal digits in lower case, not all 0.
        span_id: 16 of them, likewise.
        sampled: whether the trace is recorded.
        state: what tracing systems added, as the text of `tracestate`; empty for nothing.
    """

    trace_id: str
    span_id: str
    sampled: bool = True
    state: str = ""

    @classmethod
    def parse(cls, traceparent: object, state: object = "") -> TraceContext | None:
        """
        Return what a peer sent; None if it is malformed.

        A malformed ``state`` is left out. Values that are not text are malformed.
        """
        if not isinstance(traceparent, str) or len(traceparent) > _MAX_TRACEPARENT:
            return None
        match = _CURRENT.match(traceparent)
        if match is not None:
            trace_id, span_id, flags = match.groups()
            return cls(trace_id, span_id, flags in _ODD, _state(state) if state else "")
        match = _TRACEPARENT.match(traceparent)
        if match is None:
            return None
        version, trace_id, span_id, flags, more = match.groups()
        if version == _NO_VERSION or (version == _VERSION_0 and more is not None):
            return None
        if not trace_id.strip("0") or not span_id.strip("0"):
            return None
        sampled = bool(int(flags, 16) & _SAMPLED)
        return cls(trace_id, span_id, sampled, _state(state) if state else "")

    @classmethod
    def named_by(cls, metadata: Metadata) -> TraceContext | None:
        """
        Return the trace that metadata names; None if it names none, several, or a malformed one.
        """
        found = metadata.all(TRACEPARENT)
        return cls.parse(found[0], listed(metadata, TRACESTATE)) if len(found) == 1 else None

    @property
    def traceparent(self) -> str:
        """
        The text that travels, in version 00.
        """
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def _state(state: object) -> str:
    """
    Return a `tracestate`, or nothing if it is malformed (section 3.3.1).
    """
    if not isinstance(state, str) or len(state) > _MAX_TRACESTATE:
        return ""
    members = [member.strip(" \t") for member in state.split(",")]
    members = [member for member in members if member]
    if len(members) > _MAX_MEMBERS:
        return ""
    matches = [_MEMBER.match(member) for member in members]
    keys = {match[1] for match in matches if match is not None}
    # A key that comes twice is malformed too.
    return ",".join(members) if len(keys) == len(members) else ""


def listed(metadata: Metadata, name: str) -> str:
    """
    Return a list that may have come in several parts; empty if there is none.

    HTTP lets one header be sent as several (RFC 9110, section 5.3); `tracestate` and `baggage`
    are such lists.
    """
    if metadata.get(name) is None:
        return ""
    return ",".join(part for part in metadata.all(name) if isinstance(part, str))
