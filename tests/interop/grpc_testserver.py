"""
``python -m tests.interop.grpc_testserver --port N``: gRPC's test service, by rpcfw.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

import rpcfw
from rpcfw import Application, ApplicationError, Status, uncompressed
from tests.interop.grpc_schema import SERVICE, SERVICES, message
from tests.interop.noting_gzip import SETS, came_compressed

__all__ = ["TestService", "flag", "main"]

Payload = message("Payload")
SimpleResponse = message("SimpleResponse")
InputResponse = message("StreamingInputCallResponse")
OutputResponse = message("StreamingOutputCallResponse")

COMPRESSABLE = 0
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


class TestService(SERVICES[SERVICE]):
    """
    As doc/interop-test-descriptions.md of gRPC wants it; UnimplementedCall is left out.

    A field ``expect_compressed``, ``response_compressed`` or ``compressed`` that is absent
    is false: nothing is compressed then, in either direction.
    """

    __test__ = False

    def __init__(self, clock):
        self._clock = clock
        self._name = f"{platform.node()}:{os.getpid()}"

    async def empty_call(self, request):
        _echo_metadata()
        return request

    async def unary_call(self, request):
        _echo_metadata()
        _check_compression(request)
        _fail_if_asked(request)
        response = SimpleResponse(payload=_payload(request, request.response_size))
        if request.fill_server_id:
            response.server_id = self._name
        if request.response_compressed.value:
            rpcfw.context().set_compression("gzip")
        return response

    async def cacheable_unary_call(self, request):
        rpcfw.context().send_metadata({"cache-control": "max-age=60, public"})
        return SimpleResponse(payload=Payload(body=str(time.time_ns()).encode()))

    async def streaming_input_call(self, requests):
        _echo_metadata()
        size = 0
        async for request in requests:
            _check_compression(request)
            size += len(request.payload.body)
        return InputResponse(aggregated_payload_size=size)

    async def streaming_output_call(self, request):
        _begin_stream()
        async for response in self._responses(request):
            yield response

    async def full_duplex_call(self, requests):
        _begin_stream()
        async for request in requests:
            async for response in self._responses(request):
                yield response

    async def half_duplex_call(self, requests):
        _begin_stream()
        for request in [request async for request in requests]:
            async for response in self._responses(request):
                yield response

    async def _responses(self, request):
        _fail_if_asked(request)
        for wanted in request.response_parameters:
            if wanted.interval_us:
                await deferLater(self._clock, wanted.interval_us / 1e6)
            response = OutputResponse(payload=_payload(request, wanted.size))
            yield response if wanted.compressed.value else uncompressed(response)


def _echo_metadata():
    context = rpcfw.context()
    initial, trailing = context.metadata.get(INITIAL), context.metadata.get(TRAILING)
    if initial is not None:
        context.send_metadata({INITIAL: initial})
    if trailing is not None:
        context.send_trailers({TRAILING: trailing})


def _begin_stream():
    """
    Choose the compression of the call, which must be known before its first message.
    """
    _echo_metadata()
    rpcfw.context().set_compression("gzip")


def _fail_if_asked(request):
    asked = request.response_status
    if asked.code:
        raise ApplicationError(Status.from_wire(asked.code), asked.message)


def _payload(request, size):
    """
    Return a payload of the type that a request asks for.
    """
    if request.response_type != COMPRESSABLE:
        text = f"the response_type {request.response_type} is not supported: only COMPRESSABLE is"
        raise ApplicationError(Status.INVALID_ARGUMENT, text)
    if size < 0:
        text = f"a payload of {size} bytes was asked for: expected 0 or more"
        raise ApplicationError(Status.INVALID_ARGUMENT, text)
    return Payload(type=request.response_type, body=bytes(size))


def _check_compression(request):
    compressed = came_compressed()
    if request.expect_compressed.value != compressed:
        came = "compressed" if compressed else "uncompressed"
        text = f"the message came {came}, and expect_compressed does not say so"
        raise ApplicationError(Status.INVALID_ARGUMENT, text)


def flag(parser, name, text):
    """
    Declare a switch that may, as in gRPC's own programs, be followed by true or false.
    """
    parser.add_argument(
        name, nargs="?", const=True, default=False, type=lambda v: v.lower() == "true", help=text
    )


def main():
    """
    Serve until SIGTERM.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="where to listen; 0: any free")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: every IPv4 interface")
    flag(parser, "--use_tls", "speak TLS")
    parser.add_argument("--tls_cert_file", type=Path, help="with TLS: by default one made now")
    parser.add_argument("--tls_key_file", type=Path, help="goes with --tls_cert_file")
    given = parser.parse_args()
    files = given.tls_cert_file, given.tls_key_file
    if any(files) != all(files):
        parser.error("--tls_cert_file and --tls_key_file go together")
    where = f"{f'[{given.host}]' if ':' in given.host else given.host}:{given.port}"
    with tempfile.TemporaryDirectory() as folder:
        sets = [f"server.listen=tcp:{where}"]
        if given.use_tls:
            sets = _secured(where, files if all(files) else _made(Path(folder)))
        application = Application.from_ini(
            sets=[*SETS, "server.protocols=native, grpc", "registry.plugin=memory", *sets],
            services=lambda plugin_context: [TestService(plugin_context.clock)],
        )

        async def serve():
            say(f"serving {SERVICE} at {application.server.addresses[0]}")
            await Deferred()

        application.run(serve)


def say(line):
    """
    Write a line at once.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _secured(where, files):
    certificate, key = files
    return [
        f"server.listen=tls:{where}",
        f"tls.certificate={certificate}",
        f"tls.key={key}",
    ]


def _made(folder):
    from tests.certificates import Authority

    authority = Authority(folder)
    certificate, key, _ = authority.issue("server", "127.0.0.1")
    say(f"certificate of {authority.certificate}")
    return certificate, key


if __name__ == "__main__":
    main()
