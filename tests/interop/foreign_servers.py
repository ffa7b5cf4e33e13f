"""
``python -m tests.interop.foreign_servers FOLDER NAME``: the shop, served by others.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio

from tests.interop.foreign_clients import DETAILS, OPTIONS
from tests.interop.shop import FAILURE, INITIAL, TRAILING, details_of

__all__ = ["SERVERS"]

LIMIT_S = 20
#: Calls that one of them takes at once on a connection.
FEW = 4


def _grpcio_shop(pb2, servicer):
    """
    Return the shop for grpcio's threads.
    """

    class Shop(servicer):
        given_up = 0

        def Echo(self, note, context):  # noqa: N802 - generated names
            metadata = dict(context.invocation_metadata())
            context.send_initial_metadata([(INITIAL, metadata.get(INITIAL, "none"))])
            context.set_trailing_metadata([(TRAILING, metadata.get(TRAILING, b"none"))])
            return note

        def Count(self, note, context):  # noqa: N802
            for number in range(note.count):
                yield pb2.Note(count=number, data=note.data)

        def Total(self, notes, context):  # noqa: N802
            sizes = [len(note.data) for note in notes]
            return pb2.Note(text=str(sum(sizes)), count=len(sizes))

        def Chat(self, notes, context):  # noqa: N802
            yield from notes

        def Fail(self, note, context):  # noqa: N802
            context.set_trailing_metadata([(DETAILS, details_of(pb2))])
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, FAILURE)

        def Hang(self, note, context):  # noqa: N802
            over = threading.Event()
            context.add_callback(over.set)
            over.wait(LIMIT_S)
            self.given_up += 1
            return note

        def GivenUp(self, note, context):  # noqa: N802
            return pb2.Note(count=self.given_up)

    return Shop()


def grpcio_threads(more=(), **arguments):
    """
    Serve by grpcio with threads.
    """
    import shop_pb2
    import shop_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(8), options=[*OPTIONS, *more], **arguments)
    shop = _grpcio_shop(shop_pb2, shop_pb2_grpc.ShopServicer)
    shop_pb2_grpc.add_ShopServicer_to_server(shop, server)
    tell(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


def tell(port):
    """
    Say where the server is.
    """
    sys.stdout.write(f"serving at tcp:127.0.0.1:{port}\n")
    sys.stdout.flush()


def grpcio_aio():  # noqa: C901 - its methods
    """
    Serve by grpcio with asyncio.
    """
    import shop_pb2
    import shop_pb2_grpc

    class Shop(shop_pb2_grpc.ShopServicer):
        given_up = 0

        async def Echo(self, note, context):  # noqa: N802
            metadata = dict(context.invocation_metadata())
            await context.send_initial_metadata([(INITIAL, metadata.get(INITIAL, "none"))])
            context.set_trailing_metadata([(TRAILING, metadata.get(TRAILING, b"none"))])
            return note

        async def Count(self, note, context):  # noqa: N802
            for number in range(note.count):
                yield shop_pb2.Note(count=number, data=note.data)

        async def Total(self, notes, context):  # noqa: N802
            sizes = [len(note.data) async for note in notes]
            return shop_pb2.Note(text=str(sum(sizes)), count=len(sizes))

        async def Chat(self, notes, context):  # noqa: N802
            async for note in notes:
                yield note

        async def Fail(self, note, context):  # noqa: N802
            context.set_trailing_metadata([(DETAILS, details_of(shop_pb2))])
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, FAILURE)

        async def Hang(self, note, context):  # noqa: N802
            try:
                await asyncio.sleep(LIMIT_S)
            finally:
                self.given_up += 1

        async def GivenUp(self, note, context):  # noqa: N802
            return shop_pb2.Note(count=self.given_up)

    async def serve():
        server = grpc.aio.server(options=OPTIONS)
        shop_pb2_grpc.add_ShopServicer_to_server(Shop(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        tell(port)
        await server.wait_for_termination()

    asyncio.run(serve())


def _grpclib_shop(pb2, base):
    """
    Return the shop for grpclib.
    """
    from grpclib import GRPCError, Status

    class Shop(base):
        given_up = 0

        async def Echo(self, stream):  # noqa: N802
            note, metadata = await stream.recv_message(), stream.metadata
            await stream.send_initial_metadata(metadata={INITIAL: metadata.get(INITIAL, "none")})
            await stream.send_message(note)
            await stream.send_trailing_metadata(
                metadata={TRAILING: metadata.get(TRAILING, b"none")}
            )

        async def Count(self, stream):  # noqa: N802
            note = await stream.recv_message()
            for number in range(note.count):
                await stream.send_message(pb2.Note(count=number, data=note.data))

        async def Total(self, stream):  # noqa: N802
            sizes = [len(note.data) async for note in stream]
            await stream.send_message(pb2.Note(text=str(sum(sizes)), count=len(sizes)))

        async def Chat(self, stream):  # noqa: N802
            async for note in stream:
                await stream.send_message(note)

        async def Fail(self, stream):  # noqa: N802
            await stream.recv_message()
            raise GRPCError(Status.RESOURCE_EXHAUSTED, FAILURE)

        async def Hang(self, stream):  # noqa: N802
            await stream.recv_message()
            try:
                await asyncio.sleep(LIMIT_S)
            finally:
                self.given_up += 1

        async def GivenUp(self, stream):  # noqa: N802
            await stream.recv_message()
            await stream.send_message(pb2.Note(count=self.given_up))

    return Shop()


def grpclib():
    """
    Serve by grpclib.
    """
    import shop_pb2
    from grpclib.server import Server
    from shop_grpc import ShopBase

    async def serve():
        server = Server([_grpclib_shop(shop_pb2, ShopBase)])
        await server.start("127.0.0.1", 0)
        tell(server._server.sockets[0].getsockname()[1])  # noqa: SLF001 - it does not say
        await server.wait_closed()

    asyncio.run(serve())


SERVERS = {
    "grpcio-threads": grpcio_threads,
    "grpcio-threads-gzip": lambda: grpcio_threads(compression=grpc.Compression.Gzip),
    "grpcio-threads-few": lambda: grpcio_threads([("grpc.max_concurrent_streams", FEW)]),
    "grpcio-aio": grpcio_aio,
    "grpclib": grpclib,
}

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    SERVERS[sys.argv[2]]()
