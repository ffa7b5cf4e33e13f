"""
No second attempt.
"""

from __future__ import annotations

from rpcfw.errors import NoInstances, Rejected
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.retry import RetryPolicyContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_retries.never import NeverRetry


class TestNeverContract(RetryPolicyContract):
    def make(self):
        return NeverRetry(NoOptions(), plugin_context())


def test_never():
    """
    Not even what was never sent is repeated.
    """
    policy = NeverRetry(NoOptions(), plugin_context())

    for error in (NoInstances(), Rejected(), Rejected(retry_after_s=1.0)):
        assert policy.delay_s(a_call(idempotent=True, attempt=1), error) is None
