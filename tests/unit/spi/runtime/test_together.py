"""
Several things at a time.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.runtime.together import together
from rpcfw.spi.runtime.waiting import Waiter, spawn


async def work(waiter: Waiter[None], log: list[str], name: str) -> None:
    log.append(f"{name} begins")
    await waiter
    log.append(f"{name} ends")


def test_each_is_done_although_one_fails():
    """
    All begin at once, and the error of the one that failed is raised when the others go on.
    """
    log: list[str] = []
    first, second = Waiter[None](), Waiter[None]()
    running = spawn(together(work(first, log, "a"), work(second, log, "b")))
    errors: list[BaseException] = []
    running.addErrback(lambda failure: errors.append(failure.value))
    assert ["a begins", "b begins"] == log
    first.errback(ValueError("a failed"))
    assert "a failed" == str(errors[0])
    second.callback(None)
    assert "b ends" == log[-1]


def test_a_second_error_is_consumed():
    """
    It is nobody's: the first was raised.
    """
    first, second = Waiter[None](), Waiter[None]()
    running = spawn(together(work(first, [], "a"), work(second, [], "b")))
    second.errback(ValueError("second"))
    assert not running.called
    first.errback(ValueError("first"))
    with pytest.raises(ValueError, match="first"):
        running.result.raiseException()
    running.addErrback(lambda _: None)
