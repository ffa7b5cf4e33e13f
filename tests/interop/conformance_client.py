"""
``python -m tests.interop.conformance_client``: what connectrpc's suite tests as a client.

Reads ClientCompatRequests, makes the call that each describes, and writes what came of it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from attrs import evolve

import rpcfw
from rpcfw import Application, CallError
from rpcfw.spi.service_class import offered
from rpcfw.values.call_options import CallOptions
from tests.interop.conformance_words import (
    SERVICE,
    SERVICES,
    SETS,
    headers_of,
    message,
    metadata_of,
    packed,
    read_packed,
    unpacked,
)

Request = message("ClientCompatRequest", "client")
Response = message("ClientCompatResponse", "client")
Result = message("ClientResponseResult", "client")
Error = message("Error", "client")

METHODS = {one.method.name: one.method for one in offered(SERVICES[SERVICE])}
COMPRESSIONS = {1: "none", 2: "gzip", 4: "zstd", 5: "deflate"}
CODEC_JSON = 2
FULL_DUPLEX = 5
CANCELLED = 1
AT_ONCE = 16


class Applications:
    """
    One for each server and way to it; they end together.

    Args:
        stack: ends them.
        folder: for certificates.
    """

    def __init__(self, stack, folder):
        self._stack = stack
        self._folder = folder
        self._made = {}
        self._lock = asyncio.Lock()

    async def channel(self, request):
        """
        Return a channel to the server of a request.
        """
        creds = request.client_tls_creds
        key = (
            request.host,
            request.port,
            request.server_tls_cert,
            creds.cert,
            creds.key,
            request.message_receive_limit,
        )
        async with self._lock:
            if key not in self._made:
                sets = list(self._sets(request, len(self._made)))
                made = Application.from_ini(sets=sets)
                self._made[key] = await self._stack.enter_async_context(made)
            return self._made[key].channel(SERVICE)

    def _sets(self, request, number):
        yield from SETS
        yield "client.protocols=grpc"
        yield "client.timeout=none"
        yield "client.stream_timeout=none"
        yield "registry.plugin=static"
        scheme = "tls" if request.server_tls_cert else "tcp"
        where = f"{scheme}:{request.host}:{request.port}"
        yield f"registry.instances={SERVICE} = {where} protocols=grpc"
        if request.message_receive_limit:
            yield f"limits.max_receive_bytes={request.message_receive_limit}B"
        files = {"ca": request.server_tls_cert}
        if request.HasField("client_tls_creds"):
            files["certificate"] = request.client_tls_creds.cert
            files["key"] = request.client_tls_creds.key
        for name, content in files.items():
            if content:
                file = self._folder / f"{number}-{name}.pem"
                file.write_bytes(content)
                yield f"tls.{name}={file}"


class Invocation:
    """
    One call of the suite's.
    """

    def __init__(self, request, channel):
        method = METHODS[request.method]
        self._request = request
        self._method = evolve(method, codec="json") if request.codec == CODEC_JSON else method
        self._channel = channel
        self._messages = [unpacked(one, method.request_type) for one in request.request_messages]
        self._options = CallOptions(
            timeout_s=request.timeout_ms / 1000 if request.HasField("timeout_ms") else None,
            metadata=metadata_of(request.request_headers),
            compression=COMPRESSIONS[request.compression],
        )
        self._when = request.cancel.WhichOneof("cancel_timing")
        self._sent = 0
        self.result = Result()

    async def make(self):
        """
        Make it, and return what came of it.
        """
        make = self._stream if self._method.server_streams else self._answered
        try:
            await make()
        except CallError as error:
            self._failed(error)
        except asyncio.CancelledError:
            self.result.error.code = CANCELLED
        return self.result

    def _failed(self, error):
        # google.rpc.Status has the layout of the suite's Error.
        said = Error.FromString(error.details)
        self.result.error.code = int(error.status)
        self.result.error.message = error.message
        self.result.error.details.extend(said.details)
        self._heard(error.metadata, error.trailers)

    def _heard(self, metadata, trailers):
        del self.result.response_headers[:], self.result.response_trailers[:]
        for field, pairs in (("response_headers", metadata), ("response_trailers", trailers)):
            for header in headers_of(pairs):
                getattr(self.result, field).add(**header)

    # One answer.

    async def _answered(self):
        request = self._messages[0]
        if self._method.shape.client_streams:
            request = self._given()
        with rpcfw.call_details() as details:
            self._calling = asyncio.ensure_future(
                self._channel.call(self._method, request, self._options)
            )
            if self._when == "after_close_send_ms" and self._method.unary:
                self._cancel_later()
            answer = await self._calling
        self._received(answer)
        self._heard(details.metadata.pairs, details.trailers.pairs)

    async def _given(self):
        for one in self._messages:
            await asyncio.sleep(self._request.request_delay_ms / 1000)
            yield one
        if self._when == "before_close_send":
            self._calling.cancel()
            await asyncio.get_running_loop().create_future()
        if self._when == "after_close_send_ms":
            self._cancel_later()

    def _cancel_later(self):
        delay_s = self._request.cancel.after_close_send_ms / 1000
        asyncio.get_running_loop().call_later(delay_s, self._calling.cancel)

    # A stream of answers.

    async def _stream(self):
        given = None if self._method.shape.client_streams else self._messages[0]
        stream = self._channel.stream(self._method, given, self._options)
        try:
            await self._talk(stream)
        finally:
            stream.cancel()

    async def _talk(self, stream):
        failed = None
        try:
            if self._method.shape.client_streams:
                await self._send(stream)
            await self._read(stream)
        except CallError as error:
            failed = error
        metadata = []
        try:
            metadata = (await stream.metadata()).pairs
        except CallError as error:
            metadata = error.metadata
        if failed is not None:
            self._failed(failed)
        trailers = stream.trailers.pairs
        if failed is not None and failed.trailers:
            trailers = failed.trailers
        self._heard(metadata, trailers)

    async def _send(self, stream):
        full_duplex = self._request.stream_type == FULL_DUPLEX
        for number, one in enumerate(self._messages):
            await asyncio.sleep(self._request.request_delay_ms / 1000)
            try:
                await stream.send(one)
            except CallError:
                self.result.num_unsent_requests = len(self._messages) - number
                raise
            if full_duplex:
                try:
                    self._received(await stream.__anext__())
                except StopAsyncIteration:
                    break
                self._cancel_if_enough(stream)
        if self._when == "before_close_send":
            stream.cancel()
        await stream.end()

    async def _read(self, stream):
        if self._when == "after_close_send_ms":
            if not self._method.shape.client_streams:
                # Nothing is sent before somebody reads.
                opening = asyncio.ensure_future(stream.metadata())
                opening.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.sleep(self._request.cancel.after_close_send_ms / 1000)
            stream.cancel()
        async for answer in stream:
            self._received(answer)
            self._cancel_if_enough(stream)

    def _cancel_if_enough(self, stream):
        enough = self._request.cancel.after_num_responses
        if self._when == "after_num_responses" and len(self.result.payloads) == enough:
            stream.cancel()

    def _received(self, answer):
        if "payload" in answer.DESCRIPTOR.fields_by_name:
            # Of another pool: the bytes are the same.
            self.result.payloads.add().MergeFromString(answer.payload.SerializeToString())


async def _serve(applications, data, limit):
    request = Request.FromString(data)
    response = Response(test_name=request.test_name)
    try:
        channel = await applications.channel(request)
        response.response.CopyFrom(await Invocation(request, channel).make())
    except Exception as error:  # noqa: BLE001 - the suite is told
        response.error.message = f"{type(error).__name__}: {error}"
    sys.stdout.buffer.write(packed(response))
    sys.stdout.buffer.flush()
    limit.release()


async def _main():
    limit = asyncio.Semaphore(AT_ONCE)
    calls = []
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            applications = Applications(stack, Path(folder))
            while data := await asyncio.to_thread(read_packed, sys.stdin.buffer):
                await limit.acquire()
                calls.append(asyncio.create_task(_serve(applications, data, limit)))
            await asyncio.gather(*calls)


if __name__ == "__main__":
    asyncio.run(_main())
