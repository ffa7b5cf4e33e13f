"""
Tasks that run at once to where they first wait.
"""

from __future__ import annotations

import sys
from contextvars import copy_context

import pytest

from rpcfw.server.calls.eager_task import eager_task

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from Python 3.12 eager Tasks are asyncio's own"
)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request):
    made = pytest.importorskip(request.param).new_event_loop()
    yield made
    made.close()


async def nothing():
    pass


def in_loop(loop, function):
    """
    Call a function in the loop, and in no Task; return what it returns two turns later.
    """
    seen = []
    loop.call_soon(lambda: seen.append(function()))
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    return seen[0]


def test_what_measures_the_loop_stays(loop):
    """
    A `call_soon` that somebody has put on the loop is there again.
    """
    own = loop.call_soon

    def measured(*arguments, context=None):
        return own(*arguments, context=context)

    loop.call_soon = measured
    in_loop(loop, lambda: eager_task(nothing(), loop=loop, context=copy_context()))
    assert loop.call_soon is measured


@pytest.mark.parametrize("arguments", [(), (1,)])
def test_calls_that_others_want_soon(loop, arguments):
    """
    A finalizer that runs while a Task is made may use the loop: its call is in the next turn.
    """
    called = []

    def make():

        def get_debug():  # a Task asks for this while it is made
            del loop.get_debug
            loop.call_soon(lambda *them: called.append(them), *arguments)
            return False

        loop.get_debug = get_debug
        task = eager_task(nothing(), loop=loop, context=copy_context())
        return task.done(), list(called)

    assert in_loop(loop, make) == (True, [])
    assert called == [arguments]
