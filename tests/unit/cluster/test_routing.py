"""
Routes are remembered by the keys of calls.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from rpcfw.cluster.routing import Routing
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context


class Ruled(Router):
    """
    A router whose rule comes with the first list.
    """

    rule = ""

    def __init__(self):
        super().__init__(NoOptions(), plugin_context())
        self.asked = 0

    def key(self, call):
        return self.rule if call.method.name == "ruled" else ""

    def narrow(self, call, candidates):
        self.asked += 1
        return candidates


def test_a_route_is_remembered_by_the_rules_that_it_was_found_with():
    """
    A call that has waited for the list does not give its route to calls without the rule.
    """
    router, first_list = Ruled(), Deferred()

    async def wait_for_list():
        await first_list

    routing = Routing([router], None, {}, plugin_context(), wait_for_list, str, float)
    routing.use([])
    ruled, plain = a_call(method="ruled"), a_call()

    async def proceed(call):
        return call.route

    step = routing.bind(proceed)
    waiting = spawn(step(ruled))
    router.rule = "elsewhere"
    first_list.callback(None)
    assert waiting.result is routing.route(ruled)
    assert waiting.result is not routing.route(plain)
