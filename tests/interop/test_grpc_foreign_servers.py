"""
Our client and servers of other makers.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from rpcfw import Application, Status, call_details
from rpcfw.codegen.dynamic import services_from_descriptor
from rpcfw.errors import CallError, DeadlineExceeded
from rpcfw.spi.runtime.waiting import spawn
from tests.interop.noting_gzip import COMPRESSING
from tests.interop.shop import FAILURE, INITIAL, TRAILING, details_of
from tests.real.commands import Module, address_in

LARGE_BYTES = 16 << 20
LIMIT_S = 20


@pytest.mark.usefixtures("shop_folder")
class ServerCase:
    """
    The tests of one server.
    """

    server = ""
    #: grpclib sends them only with a package of Google's installed.
    sends_details = True

    def run_with_client(self, test):
        """
        Run ``test`` with a client of the server, as the promise it returns.
        """
        import shop_pb2

        self.pb2 = shop_pb2
        self.shop = services_from_descriptor(shop_pb2.DESCRIPTOR)["shop.Shop"]
        folder = Path(shop_pb2.__file__).parent
        serving = self.enter(Module("tests.interop.foreign_servers", folder, self.server))
        target = address_in(serving.line())
        self.application = Application.from_ini(
            sets=[
                *COMPRESSING,
                "client.protocols=grpc",
                "limits.max_receive_bytes=32MiB",
                "registry.plugin=static",
                f"registry.instances=shop.Shop = {target} protocols=grpc",
            ]
        )

        async def run():
            async with self.application:
                self.client = self.application.client(self.shop)
                await test()

        return Deferred.fromCoroutine(run())

    def enter(self, block):
        """
        Enter a block that the end of the test leaves.
        """
        self.addCleanup(block.__exit__, None, None, None)
        return block.__enter__()

    def test_unary(self):
        """
        A message there and back, again once the server's compressions are known.
        """

        async def test():
            note = self.pb2.Note(text="two \N{SNOWMAN}", data=bytes(range(256)) * 20, count=2)
            for _ in range(2):
                assert note == await self.client.echo(note, timeout=LIMIT_S)

        return self.run_with_client(test)

    def test_metadata(self):
        """
        Pairs of both kinds, before and after the answer.
        """

        async def test():
            metadata = {INITIAL: "first", TRAILING: b"\x00\xff"}
            with call_details() as details:
                await self.client.echo(self.pb2.Note(), timeout=LIMIT_S, metadata=metadata)
            assert "first" == details.metadata.get(INITIAL)
            assert b"\x00\xff" == details.trailers.get(TRAILING)

        return self.run_with_client(test)

    def test_streams(self):
        """
        The three shapes that stream.
        """

        async def test():
            notes = [self.pb2.Note(data=bytes(50_000), count=number) for number in range(30)]
            wanted = self.pb2.Note(count=30, data=bytes(50_000))
            async with self.client.count(wanted, timeout=LIMIT_S) as stream:
                assert notes == [each async for each in stream]
            total = await self.client.total(notes, timeout=LIMIT_S)
            assert ("1500000", 30) == (total.text, total.count)
            async with self.client.chat(notes, timeout=LIMIT_S) as stream:
                assert notes == [each async for each in stream]

        return self.run_with_client(test)

    def test_large(self):
        """
        16 MiB each way, through everybody's flow control.
        """

        async def test():
            note = self.pb2.Note(data=bytes(LARGE_BYTES))
            assert note == await self.client.echo(note, timeout=LIMIT_S)

        return self.run_with_client(test)

    def test_failures(self):
        """
        Status, message and details come as they were raised.
        """

        async def test():
            with pytest.raises(CallError) as caught:
                await self.client.fail(self.pb2.Note(), timeout=LIMIT_S)
            error = caught.value
            assert (Status.RESOURCE_EXHAUSTED, FAILURE) == (error.status, error.message)
            assert (details_of(self.pb2) if self.sends_details else b"") == error.details

        return self.run_with_client(test)

    async def _given_up_once(self):
        """
        Wait until the server has given up one call of Hang.
        """
        for _ in range(LIMIT_S * 50):
            given_up = await self.client.given_up(self.pb2.Note(), timeout=LIMIT_S)
            if given_up.count == 1:
                return
            await deferLater(reactor, 0.02)
        raise AssertionError("the server did not hear of it")

    def test_deadlines(self):
        """
        A call whose time is over is over on both sides.
        """

        async def test():
            with pytest.raises(DeadlineExceeded):
                await self.client.hang(self.pb2.Note(), timeout="200ms")
            await self._given_up_once()

        return self.run_with_client(test)

    def test_cancelling(self):
        """
        A call that is given up here is given up at the server.
        """

        async def test():
            hanging = spawn(self.client.hang(self.pb2.Note(), timeout=LIMIT_S))
            hanging.addErrback(lambda _: None)
            await self.client.echo(self.pb2.Note(), timeout=LIMIT_S)
            await deferLater(reactor, 0.1)
            hanging.cancel()
            await self._given_up_once()

        return self.run_with_client(test)


class TestThreads(ServerCase, TestCase):
    server = "grpcio-threads"


class TestThreadsCompressing(ServerCase, TestCase):
    server = "grpcio-threads-gzip"


class TestAsync(ServerCase, TestCase):
    server = "grpcio-aio"


class TestGRPCLib(ServerCase, TestCase):
    server = "grpclib"
    sends_details = False
