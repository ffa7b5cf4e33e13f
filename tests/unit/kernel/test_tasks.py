"""
Coroutines beside calls.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from rpcfw.kernel.tasks import Tasks


async def wait(deferred):
    """
    Await a Deferred.
    """
    return await deferred


def stopping(tasks):
    """
    Begin to stop and return the list that the result comes into.
    """
    results = []
    Deferred.fromCoroutine(tasks.stop()).addCallback(results.append)
    return results


def test_a_task_is_kept_until_it_ends():
    """
    A coroutine that nobody awaits runs to its end and is forgotten then.
    """
    tasks, ready = Tasks(), Deferred()

    task = tasks.spawn(wait(ready), "waiting")
    assert (1, False) == (len(tasks), task.done)
    ready.callback(None)

    assert (0, True) == (len(tasks), task.done)
    task.cancel()


def test_a_task_that_ends_at_once_is_not_kept():
    """
    A coroutine without a wait leaves nothing behind.
    """
    tasks, ready = Tasks(), Deferred()
    ready.callback(None)

    assert tasks.spawn(wait(ready), "nothing").done
    assert 0 == len(tasks)


def test_a_failure_is_logged_with_what_was_done():
    """
    No coroutine fails in silence.
    """
    tasks, ready = Tasks(), Deferred()

    with capturedLogs() as logs:
        tasks.spawn(wait(ready), "watching the registry")
        ready.errback(ValueError("odd"))

    [event] = logs
    assert "watching the registry failed" == formatEvent(event)
    assert isinstance(event["log_failure"].value, ValueError)


def test_cancelling_one_leaves_the_others():
    """
    A task that is given up ends without a word in the log.
    """
    tasks = Tasks()
    one, other = (tasks.spawn(wait(Deferred()), name) for name in ("one", "other"))

    with capturedLogs() as logs:
        one.cancel()

    assert (True, False) == (one.done, other.done)
    assert [] == logs


def test_stop_cancels_all_and_waits_for_their_ends():
    """
    After stop nothing runs: what cleans up is waited for, what comes later is not begun.
    """
    tasks, cleaned = Tasks(), Deferred()

    async def cleaning():
        try:
            await Deferred()
        finally:
            await cleaned

    tasks.spawn(wait(Deferred()), "waiting")
    tasks.spawn(cleaning(), "cleaning")
    stopped = stopping(tasks)
    assert ([], 1) == (stopped, len(tasks))
    cleaned.callback(None)

    assert ([None], 0) == (stopped, len(tasks))
    assert tasks.spawn(wait(Deferred()), "late").done
    assert [None] == stopping(tasks)
