"""
Clients of other makers, all with the same few words.

``unary`` returns (message, head, trailers), ``stream`` the messages, ``failure`` the
name of the status, its message and the details; ``give_up`` cancels a call of Hang.
"""

from __future__ import annotations

import asyncio
from functools import partial

import grpc
import grpc.aio

__all__ = ["CLIENTS", "AsyncClient", "GRPCLibClient", "ThreadsClient"]

LIMIT_S = 20
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
DETAILS = "grpc-status-details-bin"


class ThreadsClient:
    """
    grpcio's blocking client.
    """

    reads_details = True

    def __init__(self, target, **options):
        import shop_pb2_grpc

        self._channel = grpc.insecure_channel(target, OPTIONS, **options)
        self._stub = shop_pb2_grpc.ShopStub(self._channel)

    def close(self):
        self._channel.close()

    def unary(self, name, note, metadata=()):
        answer, call = getattr(self._stub, name).with_call(note, timeout=LIMIT_S, metadata=metadata)
        return answer, dict(call.initial_metadata()), dict(call.trailing_metadata())

    def stream(self, name, request):
        sent = iter(request) if isinstance(request, list) else request
        answer = getattr(self._stub, name)(sent, timeout=LIMIT_S)
        return list(answer) if name != "Total" else [answer]

    def failure(self, name, note, timeout_s=LIMIT_S):
        try:
            getattr(self._stub, name)(note, timeout=timeout_s)
        except grpc.RpcError as error:
            return error.code().name, error.details(), dict(error.trailing_metadata()).get(DETAILS)

    def give_up(self, note):
        call = self._stub.Hang.future(note, timeout=LIMIT_S)
        self._stub.Echo(note, timeout=LIMIT_S)
        call.cancel()


class AsyncClient:
    """
    grpcio's asyncio client.
    """

    reads_details = True

    def __init__(self, target, **options):
        import shop_pb2_grpc

        def connect():
            channel = grpc.aio.insecure_channel(target, OPTIONS, **options)
            return channel, shop_pb2_grpc.ShopStub(channel)

        self._connect = connect

    def close(self):
        """
        Each call has closed its channel.
        """

    def _run(self, use):
        async def run():
            channel, stub = self._connect()
            async with channel:
                return await use(stub)

        return asyncio.run(run())

    def unary(self, name, note, metadata=()):
        async def use(stub):
            call = getattr(stub, name)(note, timeout=LIMIT_S, metadata=metadata)
            answer = await call
            return answer, dict(await call.initial_metadata()), dict(await call.trailing_metadata())

        return self._run(use)

    def stream(self, name, request):
        async def use(stub):
            sent = iter(request) if isinstance(request, list) else request
            call = getattr(stub, name)(sent, timeout=LIMIT_S)
            return [await call] if name == "Total" else [each async for each in call]

        return self._run(use)

    def failure(self, name, note, timeout_s=LIMIT_S):
        async def use(stub):
            try:
                await getattr(stub, name)(note, timeout=timeout_s)
            except grpc.aio.AioRpcError as error:
                trailers = dict(error.trailing_metadata() or ())
                return error.code().name, error.details(), trailers.get(DETAILS)

        return self._run(use)

    def give_up(self, note):
        async def use(stub):
            call = stub.Hang(note, timeout=LIMIT_S)
            await asyncio.sleep(0)
            await stub.Echo(note, timeout=LIMIT_S)
            call.cancel()
            await stub.Echo(note, timeout=LIMIT_S)

        return self._run(use)


class GRPCLibClient:
    """
    grpclib's client, pure Python like ours.
    """

    #: It does only with a package of Google's installed.
    reads_details = False

    def __init__(self, target, **options):
        from grpclib.client import Channel
        from shop_grpc import ShopStub

        host, _, port = target.rpartition(":")

        def connect():
            channel = Channel(host, int(port), **options)
            return channel, ShopStub(channel)

        self._connect = connect

    close = AsyncClient.close
    _run = AsyncClient._run  # noqa: SLF001 - of the same kind

    def unary(self, name, note, metadata=()):
        async def use(stub):
            opened = getattr(stub, name).open(timeout=LIMIT_S, metadata=list(metadata))
            async with opened as stream:
                await stream.send_message(note, end=True)
                answer = await stream.recv_message()
                await stream.recv_trailing_metadata()
                return answer, dict(stream.initial_metadata), dict(stream.trailing_metadata)

        return self._run(use)

    def stream(self, name, request):
        async def use(stub):
            answer = await getattr(stub, name)(request, timeout=LIMIT_S)
            return answer if isinstance(answer, list) else [answer]

        return self._run(use)

    def failure(self, name, note, timeout_s=LIMIT_S):
        from grpclib.exceptions import GRPCError

        async def use(stub):
            try:
                await getattr(stub, name)(note, timeout=timeout_s)
            except GRPCError as error:
                return error.status.name, error.message, None
            except asyncio.TimeoutError:
                return "DEADLINE_EXCEEDED", "", None

        return self._run(use)

    def give_up(self, note):
        async def use(stub):
            hanging = asyncio.ensure_future(stub.Hang(note, timeout=LIMIT_S))
            await stub.Echo(note, timeout=LIMIT_S)
            hanging.cancel()
            await asyncio.wait([hanging])
            await stub.Echo(note, timeout=LIMIT_S)

        return self._run(use)


CLIENTS = {
    "grpcio-threads": ThreadsClient,
    "grpcio-threads-gzip": partial(ThreadsClient, compression=grpc.Compression.Gzip),
    "grpcio-threads-deflate": partial(ThreadsClient, compression=grpc.Compression.Deflate),
    "grpcio-aio": AsyncClient,
    "grpclib": GRPCLibClient,
}
