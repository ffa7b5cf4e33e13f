"""
Calls that are not recorded, beside those that are.
"""

from __future__ import annotations

import pytest

import rpcfw
from rpcfw import CallError
from tests.lab.traced_services import NONE, TRACING, Kitchen, Shop
from tests.spans import Recorded

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def recorded():
    return Recorded()


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_calls_that_are_not_recorded_may_have_ids_of_their_own(lab, recorded, wire):
    """
    With `unrecorded_ids = own` no two calls have a trace id in common that have nothing else so.
    """
    shop = Shop()
    wires = f"app.protocols={wire}", f"server.protocols={wire}", f"client.protocols={wire}"
    lab.serve(shop, sets=wires)
    own = TRACING, NONE, "tracing.unrecorded_ids=own"
    client = lab.consumer(*wires, *own).application.client(Shop)

    async def several():
        for _ in range(20):
            await client.get(7)

    lab.run(several())

    assert [] == recorded.spans
    parents = [each.get("traceparent") for each in shop.metadata]
    assert 20 == len({each.split("-")[1] for each in parents})
    assert {"00"} == {each.split("-")[3] for each in parents}


async def failed(client, name):
    """
    Return the error of a call of a kitchen.
    """
    try:
        if name == "stream":
            async for _ in client.stream():
                pass
        else:
            await client.coroutine()
    except CallError as error:
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("name", ["coroutine", "stream"])
def test_an_error_names_no_trace_of_another_call(lab, recorded, name, waits):
    """
    A call that is not recorded has an error without a trace, also if it ends with one that is.

    So it is whether the calls were begun, or wait for one that was.
    """
    sets = ("limits.max_calls=1", "connection.max_connections=1") if waits else ()
    lab.serve(Kitchen(lab.clock), sets=(TRACING, *sets[:1]))
    consumer = lab.consumer(TRACING, NONE, *sets)
    client = consumer.application.client(Kitchen)
    traced = rpcfw.with_options(client, metadata={"traceparent": f"00-{TRACE}-{SPAN}-01"})

    calls = [lab.begin(failed(each, name)) for each in (client, traced, client)]
    lab.advance(0.5)
    lab.stop(consumer)

    found = [lab.finish(call) for call in calls]
    assert ["", TRACE, ""] == [each.trace_id for each in found]
    assert 3 == len({id(each) for each in found})


@pytest.mark.parametrize("name", ["coroutine", "stream"])
def test_each_error_names_its_own_trace(lab, recorded, name):
    """
    Calls that end for the same reason have errors that lead to their own traces.
    """
    lab.serve(Kitchen(lab.clock), sets=(TRACING,))
    consumer = lab.consumer(TRACING)
    client = consumer.application.client(Kitchen)

    calls = [lab.begin(failed(client, name)) for _ in range(3)]
    lab.advance(0.5)
    lab.stop(consumer)

    found = [lab.finish(call).trace_id for call in calls]
    assert 3 == len(set(found))
    assert set(found) == {f"{each.context.trace_id:032x}" for each in recorded.spans}
