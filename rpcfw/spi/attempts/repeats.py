"""
What nested calls learn of retries: a call that is made to serve a retried one is not retried.

Theory of operation. Without this, retries multiply: if three services call each other in a
row and each makes three attempts, the last one gets 27 calls for one. So an attempt that
follows another one says so in its metadata, on every wire by the name that gRPC has for it
(proposal A6). A call that is made while such a call is served passes this on, and is not
retried. Only attempts that were never sent are repeated: they cost no server anything.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.status import Hint
from rpcfw.values.call import Call, serving
from rpcfw.values.metadata import PREVIOUS_ATTEMPTS, Metadata

__all__ = ["count_previous", "delay_before_next", "is_repeat", "serves_repeat"]


def is_repeat(metadata: Metadata) -> bool:
    """
    Tell whether a call with this metadata follows an attempt that was sent before.
    """
    return bool(metadata.pairs) and _previous(metadata) > 0


def serves_repeat() -> bool:
    """
    Tell whether the running code serves a call that is such a repeat.
    """
    outer = serving.get()
    return outer is not None and is_repeat(outer.metadata)


def count_previous(call: Call, more: int = 1) -> None:
    """
    Tell the server of further attempts that were made before the next one.
    """
    pairs = tuple(pair for pair in call.metadata.pairs if pair[0] != PREVIOUS_ATTEMPTS)
    previous = _previous(call.metadata) + more
    call.metadata = Metadata((*pairs, (PREVIOUS_ATTEMPTS, str(previous))))


def delay_before_next(
    call: Call, error: CallError, policy: RetryPolicy, now: float
) -> float | None:
    """
    Return how long to wait before the next attempt; None if there may be none.

    Args:
        call: of which the last attempt has failed.
        error: how it has failed.
        policy: decides, unless the call may not be repeated at all.
        now: seconds of the clock that deadlines are on.
    """
    if call.method.shape.client_streams:
        return None  # its messages are gone
    if not error.hints & Hint.NEVER_SENT and serves_repeat():
        return None
    delay_s = policy.delay_s(call, error)
    if delay_s is None:
        return None
    # What is below 0, or no number, would compare as in time, also when the deadline is over:
    # the attempts of such a call would never end, nor let others run.
    delay_s = max(0.0, delay_s)
    return delay_s if now + delay_s < call.deadline else None


def _previous(metadata: Metadata) -> int:
    value = metadata.get(PREVIOUS_ATTEMPTS)
    if value is None:
        return 0
    # The peer wrote it. What is no number means that there were some.
    is_number = isinstance(value, str) and len(value) <= 6 and value.isdecimal()
    return int(value) if is_number else 1
