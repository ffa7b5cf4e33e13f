"""
``python -m tests.interop.conformance_server``: what connectrpc's suite tests as a server.

Reads one ServerCompatRequest, serves as it says, says where, and goes on until it is told
to end.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from math import isfinite
from pathlib import Path

import rpcfw
from rpcfw import Application, ApplicationError, Status
from tests.interop.conformance_words import (
    SERVICE,
    SERVICES,
    SETS,
    headers_of,
    message,
    metadata_of,
    packed,
    read_packed,
)

Payload = message("ConformancePayload")
Error = message("Error")
Request = message("ServerCompatRequest", "server")
Response = message("ServerCompatResponse", "server")


class Conformance(SERVICES[SERVICE]):
    """
    As the suite's documents on servers want it; Unimplemented is left out.
    """

    def __init__(self, clock):
        self._clock = clock

    async def unary(self, request):
        return message("UnaryResponse")(payload=await self._answer([request]))

    async def idempotent_unary(self, request):
        return message("IdempotentUnaryResponse")(payload=await self._answer([request]))

    async def client_stream(self, requests):
        received = [request async for request in requests]
        return message("ClientStreamResponse")(payload=await self._answer(received))

    async def server_stream(self, request):
        asked = request.response_definition
        _say_beside(asked)
        for number, data in enumerate(asked.response_data):
            await asyncio.sleep(asked.response_delay_ms / 1000)
            payload = Payload(data=data)
            if not number:
                payload.request_info.MergeFrom(self._seen([request]))
            yield message("ServerStreamResponse")(payload=payload)
        if asked.HasField("error"):
            raise _error(asked.error, None if asked.response_data else self._seen([request]))

    async def bidi_stream(self, requests):
        asked, received, sent = None, [], 0
        async for request in requests:
            received.append(request)
            if asked is None:
                asked = request.response_definition
                _say_beside(asked)
                full_duplex = request.full_duplex
            if full_duplex and sent < len(asked.response_data):
                yield await self._part(asked, sent, received)
                sent, received = sent + 1, []
            elif full_duplex:
                break
        if asked is None:
            return
        for number in range(sent, len(asked.response_data)):
            yield await self._part(asked, number, received)
            received = []
        if asked.HasField("error"):
            raise _error(asked.error, None if asked.response_data else self._seen(received))

    async def _part(self, asked, number, received):
        """
        Return one response of a stream: the first says all of the request.
        """
        await asyncio.sleep(asked.response_delay_ms / 1000)
        payload = Payload(data=asked.response_data[number])
        if not number:
            payload.request_info.MergeFrom(self._seen(received))
        else:
            _add(payload.request_info, received)
        return message("BidiStreamResponse")(payload=payload)

    async def _answer(self, received):
        """
        Return the one response to some requests, of which the first says what is wanted.
        """
        asked = received[0].response_definition if received else None
        info = self._seen(received)
        if asked is None:
            return Payload(request_info=info)
        _say_beside(asked)
        await asyncio.sleep(asked.response_delay_ms / 1000)
        if asked.HasField("error"):
            raise _error(asked.error, info)
        return Payload(data=asked.response_data, request_info=info)

    def _seen(self, received):
        context = rpcfw.context()
        info = Payload.RequestInfo(request_headers=headers_of(context.metadata.pairs))
        if isfinite(context.deadline):
            left_s = context.deadline - self._clock.seconds()
            info.timeout_ms = round(left_s * 1000)
        _add(info, received)
        return info


def _say_beside(asked):
    context = rpcfw.context()
    context.send_metadata(metadata_of(asked.response_headers))
    context.send_trailers(metadata_of(asked.response_trailers))


def _add(info, received):
    for request in received:
        info.requests.add().Pack(request)


def _error(wanted, info):
    """
    Return the error that is wanted, with what was asked among its details.

    The suite's Error has the layout of google.rpc.Status.
    """
    said = Error()
    said.CopyFrom(wanted)
    if info is not None:
        said.details.add().Pack(info)
    return ApplicationError(Status(wanted.code), wanted.message, details=said.SerializeToString())


def _sets(request, folder):
    yield from SETS
    yield "registry.plugin=memory"
    yield "server.protocols=native, grpc"
    yield "server.max_timeout=none"
    yield "compression.plugin=gzip"
    scheme = "tls" if request.use_tls else "tcp"
    yield f"server.listen={scheme}:127.0.0.1:0"
    if request.message_receive_limit:
        yield f"limits.max_receive_bytes={request.message_receive_limit}B"
    if request.use_tls:
        files = {"certificate": request.server_creds.cert, "key": request.server_creds.key}
        if request.client_tls_cert:
            files["ca"] = request.client_tls_cert
            yield "tls.clients=certified"
        for name, content in files.items():
            file = folder / f"{name}.pem"
            file.write_bytes(content)
            yield f"tls.{name}={file}"


def main():
    """
    Serve until SIGTERM.
    """
    request = Request.FromString(read_packed(sys.stdin.buffer))
    with tempfile.TemporaryDirectory() as folder:
        application = Application.from_ini(
            sets=_sets(request, Path(folder)),
            services=lambda plugin_context: [Conformance(plugin_context.clock)],
        )

        async def serve():
            address = application.server.addresses[0]
            response = Response(host=address.host, port=address.port)
            if request.use_tls:
                response.pem_cert = request.server_creds.cert
            sys.stdout.buffer.write(packed(response))
            sys.stdout.buffer.flush()
            await asyncio.get_running_loop().create_future()

        application.run(serve)


if __name__ == "__main__":
    main()
