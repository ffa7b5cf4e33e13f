"""
The framework's filters, and some that users might write, by the contract of filters.
"""

from __future__ import annotations

from rpcfw.filters.attempts import Attempts
from rpcfw.filters.metrics import ClientMetrics, ServerMetrics
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_attempts.failfast import Failfast
from rpcfw_retries.never import NeverRetry
from tests.lab.filters import PerNode, Stamp, StampOptions


class TestClientMetrics(FilterContract):
    def make(self):
        return ClientMetrics(NoOptions(), plugin_context())


class TestServerMetrics(FilterContract):
    def make(self):
        return ServerMetrics(NoOptions(), plugin_context())


class TestAttempts(FilterContract):
    def make(self):
        context = plugin_context()
        policy = NeverRetry(NoOptions(), context)
        return Attempts(None, {"other": Failfast(NoOptions(), context)}, policy, context)


class TestStamp(FilterContract):
    def make(self):
        return Stamp(StampOptions(text="t", starts=1000, start_time=0.0), plugin_context())


class TestPerNode(FilterContract):
    def make(self):
        return PerNode(StampOptions(text="t", starts=1000, start_time=0.0), plugin_context())
