"""
What a process shows of calls that failed or were slow.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import CallError
from rpcfw.status import Status
from tests.lab.services import Greeter


def recent(process):
    return process.application.runtime.plugin_context.recent_calls.all()


def test_both_sides_of_a_failed_call(lab):
    """
    A failed call is shown by its client and by its server.
    """
    provider = lab.serve(Greeter("a", lab.clock), name="a")
    consumer = lab.consumer("client.timeout=2s")
    client = consumer.application.client(Greeter)
    lab.run(client.say("bob"))
    with pytest.raises(CallError):
        lab.run(client.slow(10.0))
    (seen,) = recent(consumer)
    assert ("client", "demo.Greeter", "slow", Status.DEADLINE_EXCEEDED, True) == (
        seen.side,
        seen.service,
        seen.method,
        seen.status,
        seen.slow,
    )
    assert (1, 2.0) == (seen.attempts, seen.limit_s)
    assert "memory:a" in seen.peer
    assert 2.0 == pytest.approx(seen.took_s, abs=0.02)
    (served,) = recent(provider)
    assert ("server", "slow", Status.DEADLINE_EXCEEDED) == (
        served.side,
        served.method,
        served.status,
    )
    assert provider.application.server.inspection.recent_calls() == recent(provider)


def test_a_slow_call(lab):
    """
    A call that succeeded late is shown; one in time is not.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    consumer = lab.consumer("client.timeout=10s")
    client = consumer.application.client(Greeter)
    lab.run(client.slow(0.9))
    lab.run(client.slow(1.1))
    (seen,) = recent(consumer)
    assert (Status.OK, True, "") == (seen.status, seen.slow, seen.message)


def test_a_wait_for_a_connection(lab):
    """
    It is known without any option that a call was slow since it waited for a connection.
    """
    provider = lab.serve(Greeter("a", lab.clock), name="a")
    lab.cut_off(provider)
    consumer = lab.consumer("client.timeout=2s")
    with pytest.raises(CallError):
        lab.run(consumer.application.client(Greeter).say("bob"))
    (seen,) = recent(consumer)
    assert 2.0 == pytest.approx(dict(seen.phases)["connect"], abs=0.02)
    assert {"connect"} == {name for name, took_s in seen.phases if took_s > 0.01}
