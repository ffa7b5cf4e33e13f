"""
The retry loop: makes attempts until one succeeds or the policy allows no more.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.attempts.repeats import count_previous, delay_before_next
from rpcfw.spi.deadline_keeping import keep_deadline, keeps_deadline
from rpcfw.spi.filter import CallStep
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY

__all__ = ["MAX_UNSENT", "retry_loop"]

#: So many nodes may be out of reach before this counts as an attempt.
MAX_UNSENT = 20
#: So many attempts may follow one another without a pause. Attempts may fail at once; then other
#: calls, deadlines and cancellations would get no turn.
_MAX_AT_ONCE = 20


def retry_loop(
    attempt: CallStep,
    policy: RetryPolicy,
    plugin_context: PluginContext,
    max_unsent: int = MAX_UNSENT,
) -> CallStep:
    """
    Return a step that acts on what a `RetryPolicy` answers.

    A call whose client streams is not repeated: its messages are gone. An attempt that was
    never sent does not count, if it went to a node that the call had not tried before. So a
    call passes over dead nodes without using its attempts up. The step keeps the deadline if
    the attempts do: no pause is longer than until then.

    Args:
        attempt: makes one attempt.
        policy: decides.
        plugin_context: for the clock that delays are on.
        max_unsent: attempts of a call that were never sent and do not count; further ones do.
    """
    succeeded = policy.succeeded
    clock = plugin_context.clock
    repeats = plugin_context.meter.counter(
        "rpcfw_client_retries_total",
        "attempts that were made because one before had failed, by its status",
        "service",
        "method",
        "status",
    )

    async def step(call: Call) -> Any:
        tried = unsent = 0
        while True:
            call.attempt += 1
            try:
                response = await attempt(call)
            except CallError as error:
                never_sent = bool(error.hints & Hint.NEVER_SENT)
                if never_sent and unsent < max_unsent and len(call.tried) > tried:
                    unsent += 1
                    call.attempt -= 1
                tried = len(call.tried)
                delay_s = delay_before_next(call, error, policy, clock.seconds())
                if delay_s is None:
                    raise
                method, status = call.method, error.status.name
                repeats.of(method.service, method.name, status).value += 1
                call.repeats = status
                # A filter may have refused a response: what came with it is not the next one's.
                call.response_metadata = call.trailers = EMPTY
                if delay_s > 0 or call.attempt > _MAX_AT_ONCE:
                    await sleep(clock, delay_s)
                if not never_sent:
                    count_previous(call)
            else:
                succeeded(call)
                return response

    return keep_deadline(step) if keeps_deadline(attempt) else step
