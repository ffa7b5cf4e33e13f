"""
Calls that did not end in the turn in which their requests came.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from types import SimpleNamespace

from rpcfw.errors import ConnectionLost
from rpcfw.server.calls.in_flight_call import InFlightCall
from rpcfw.spi.runtime.timers import Timers
from rpcfw.testing.lab_time import LabClock
from rpcfw.values.call import Call


def test_a_call_that_is_given_up_in_its_first_step():
    """
    A call whose connection is lost while its method begins is cancelled where that first waits.
    """
    ends = []

    async def scenario():
        come = asyncio.Event()

        def ended(call, result, error):
            ends.append(type(error))
            come.set()

        driver, event = SimpleNamespace(listeners={}), SimpleNamespace(call_id=1)
        call = Call(None, None)
        timers = Timers(LabClock())
        in_flight = InFlightCall(driver, event, call, None, timers, ended, lambda _: False)

        async def method():
            in_flight.give_up(ConnectionLost("gone"))
            await asyncio.Event().wait()

        loop = asyncio.get_running_loop()
        # Where requests are read: in the loop, and in no Task.
        loop.call_soon(in_flight.run, method(), copy_context())
        await asyncio.wait_for(come.wait(), 10)

    asyncio.run(scenario())
    assert ends == [asyncio.CancelledError]
