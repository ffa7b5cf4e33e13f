"""
A grpcio server that takes few calls at once on a connection, and many calls at once.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from rpcfw.spi.runtime.waiting import spawn
from tests.interop.test_grpc_foreign_servers import LIMIT_S, ServerCase

CALLS = 200


class TestFew(ServerCase, TestCase):
    server = "grpcio-threads-few"

    def metric(self, name):
        """
        Return a number of the application's.
        """
        meter = self.application.runtime.plugin_context.meter
        (family,) = [each for each in meter if each.name == name]
        return family.of().value

    def test_many_unary_calls(self):
        """
        All succeed, over no more connections than [connection] max_connections.
        """

        async def test():
            notes = [self.pb2.Note(count=number) for number in range(CALLS)]
            running = [spawn(self.client.echo(note, timeout=LIMIT_S)) for note in notes]
            assert notes == [await one for one in running]
            assert self.metric("rpcfw_client_calls_waited_total") > CALLS / 2
            assert 3 == self.metric("rpcfw_client_further_connections_total")
            assert 0 == self.metric("rpcfw_client_calls_waiting")

        return self.run_with_client(test)

    def test_many_streams(self):
        """
        The same, of calls whose answers are streams.
        """

        async def one(number):
            async with self.client.count(self.pb2.Note(count=3), timeout=LIMIT_S) as stream:
                return [each.count async for each in stream]

        async def test():
            running = [spawn(one(number)) for number in range(CALLS)]
            assert [[0, 1, 2]] * CALLS == [await one for one in running]
            assert self.metric("rpcfw_client_calls_waited_total") > CALLS / 2

        return self.run_with_client(test)
