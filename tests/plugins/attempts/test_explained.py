"""
What strategies say of a call, for those who ask.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from rpcfw.kernel.settings import options_of
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.method import Shape
from rpcfw_attempts.broadcast import Broadcast
from rpcfw_attempts.failback import Failback
from rpcfw_attempts.failfast import Failfast
from rpcfw_attempts.failover import Failover
from rpcfw_attempts.failsafe import Failsafe
from rpcfw_attempts.forking import Forking
from rpcfw_attempts.hedge import Hedge

SAID = {
    Broadcast: "one attempt on each node; the first answer is the caller's",
    Failback: "as failover; a failure is hidden, and followed by up to 3 retries in the background",
    Failfast: "one attempt, whatever the retry policy says",
    Failover: "one attempt after another, each on another node",
    Failsafe: "as failover; a failure is hidden",
    Forking: "one attempt on each of 2 nodes; the first answer is the caller's",
    Hedge: "up to 2 attempts side by side, once enough calls were measured: 0 of 20",
}


def made(plugin):
    options = NoOptions() if plugin.Options is NoOptions else options_of(plugin.Options)
    return plugin(options, plugin_context())


@pytest.mark.parametrize("plugin", SAID)
def test_an_idempotent_call(plugin):
    """
    A unary call of an idempotent method is what each strategy is for.
    """
    assert SAID[plugin] == made(plugin).explain(a_call(idempotent=True))


@pytest.mark.parametrize("plugin", [Forking, Hedge])
def test_a_call_that_is_not_idempotent(plugin):
    """
    Attempts side by side are for idempotent methods alone.
    """
    assert "as failover: it is not idempotent" == made(plugin).explain(a_call())


@pytest.mark.parametrize("plugin", [Broadcast, Failback, Failsafe, Forking, Hedge])
def test_a_stream(plugin):
    """
    A call that streams is made as by failover, and is said to be.
    """
    call = a_call(idempotent=True)
    call.method = evolve(call.method, shape=Shape.SERVER_STREAM)

    assert made(plugin).explain(call).startswith("as failover: it ")
