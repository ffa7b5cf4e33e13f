"""
The steps of a stop. Each is tried, whatever became of the ones before.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded
from rpcfw.server.calls.request_acceptor import RequestAcceptor
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import CANCELLED, with_deadline

__all__ = ["calls_ended", "closed", "stop_step", "tell_given_up"]

#: How often a stop says how many calls it waits for.
_PROGRESS_S = 5.0


async def stop_step(log: Logger, what: str, step: Awaitable[None]) -> None:
    """
    Do one step of a stop. If it fails, that is logged: the next ones must be done all the same.
    """
    try:
        await step
    except CANCELLED:
        raise
    except DeadlineExceeded:
        log.warn("{what} took too long and was given up", what=what)
    except Exception:  # noqa: BLE001 - logged
        log.failure("{what} failed while the server stopped", what=what)


async def closed(result: Any) -> None:
    """
    Await what `stopListening` returned, a Deferred or nothing.
    """
    if result is not None:
        await result


def tell_given_up(log: Logger, count: int, why: str) -> None:
    """
    Log how many calls were ended, if any were.
    """
    if count:
        log.warn(
            "{count} calls had not ended when {why}: they were given up, and their callers "
            "get CANCELLED",
            count=count,
            why=why,
        )


async def calls_ended(
    log: Logger, acceptor: RequestAcceptor, timers: Timers, deadline: float
) -> None:
    """
    Return once no call is open; say from time to time how many still are.

    Raises:
        DeadlineExceeded: some are at the deadline.
    """
    while (until := timers.seconds() + _PROGRESS_S) < deadline:
        try:
            await with_deadline(acceptor.when_empty(), timers, until)
        except DeadlineExceeded:
            left_s = deadline - timers.seconds()
            log.info(
                "draining: {count} calls are open and have {left:.3g} s to end",
                count=acceptor.in_flight,
                left=left_s,
            )
        else:
            return
    await with_deadline(acceptor.when_empty(), timers, deadline)
