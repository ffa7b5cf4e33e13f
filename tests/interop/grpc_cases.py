"""
gRPC's interoperability cases, as an rpcfw client makes them.

Each is a coroutine that is given an application and raises if the server falls short.
"""

from __future__ import annotations

from contextlib import suppress

import attrs
from twisted.internet.defer import ensureDeferred

from rpcfw import Status, call_details, uncompressed
from rpcfw.errors import CallError
from rpcfw.spi.service_class import offered
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Shape
from tests.interop.grpc_schema import SERVICE, SERVICES, message
from tests.interop.grpc_testserver import INITIAL, TRAILING
from tests.interop.noting_gzip import came_compressed

__all__ = ["CASES"]

BoolValue, Empty, Payload = message("BoolValue"), message("Empty"), message("Payload")
SimpleRequest = message("SimpleRequest")
InputRequest = message("StreamingInputCallRequest")
OutputRequest = message("StreamingOutputCallRequest")
Parameters = message("ResponseParameters")
EchoStatus = message("EchoStatus")

CASES = {}

LARGE_REQUEST, LARGE_RESPONSE = 271_828, 314_159
SENT_SIZES = (27_182, 8, 1_828, 45_904)
WANTED_SIZES = (31_415, 9, 2_653, 58_979)
LIMIT = "20s"
#: For calls that compress their messages, but those marked as `uncompressed`.
PACKED = {"timeout": LIMIT, "compression": "gzip"}


def case(function):
    """
    Take a function among the cases.
    """
    CASES[function.__name__] = function
    return function


def check(expected, found):
    """
    Raise if what was found is not what was expected.
    """
    if expected != found:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def zeros(size):
    """
    Return a payload.
    """
    return Payload(body=bytes(size))


def large(**more):
    """
    Return the request of most unary cases.
    """
    return SimpleRequest(response_size=LARGE_RESPONSE, payload=zeros(LARGE_REQUEST), **more)


def duplex(wanted, sent, **more):
    """
    Return a request for one message in a stream.
    """
    parameters = [Parameters(size=wanted)]
    return OutputRequest(response_parameters=parameters, payload=zeros(sent), **more)


def service(application):
    """
    Return what calls the test service.
    """
    return application.client(SERVICES[SERVICE])


async def failure(call):
    """
    Return the error that a call must end with.
    """
    try:
        await call
    except CallError as error:
        return error
    raise AssertionError("the call did not fail")


async def ends_with(status, call):
    """
    Check how a call fails.
    """
    check(status, (await failure(call)).status)


async def no_more(stream):
    """
    Check that a stream has ended well.
    """
    check([], [each async for each in stream])


@case
async def empty_unary(application):
    check(Empty(), await service(application).empty_call(Empty(), timeout=LIMIT))


@case
async def large_unary(application):
    response = await service(application).unary_call(large(), timeout=LIMIT)
    check(zeros(LARGE_RESPONSE), response.payload)


@case
async def client_compressed_unary(application):
    call = service(application).unary_call
    compressed = large(expect_compressed=BoolValue(value=True))
    plain = large(expect_compressed=BoolValue(value=False))
    await ends_with(Status.INVALID_ARGUMENT, call(compressed, timeout=LIMIT))
    for request, options in ((compressed, PACKED), (plain, {"timeout": LIMIT})):
        response = await call(request, **options)
        check(zeros(LARGE_RESPONSE), response.payload)


@case
async def server_compressed_unary(application):
    for compressed in (True, False):
        request = large(response_compressed=BoolValue(value=compressed))
        came_compressed()
        response = await service(application).unary_call(request, timeout=LIMIT)
        check(compressed, came_compressed())
        check(zeros(LARGE_RESPONSE), response.payload)


@case
async def client_streaming(application):
    requests = [InputRequest(payload=zeros(size)) for size in SENT_SIZES]
    response = await service(application).streaming_input_call(requests, timeout=LIMIT)
    check(sum(SENT_SIZES), response.aggregated_payload_size)


@case
async def client_compressed_streaming(application):
    call = service(application).streaming_input_call
    compressed = InputRequest(payload=zeros(27_182), expect_compressed=BoolValue(value=True))
    plain = InputRequest(payload=zeros(45_904), expect_compressed=BoolValue(value=False))
    await ends_with(Status.INVALID_ARGUMENT, call([compressed], timeout=LIMIT))
    response = await call([compressed, uncompressed(plain)], **PACKED)
    check(73_086, response.aggregated_payload_size)


@case
async def server_streaming(application):
    request = OutputRequest(response_parameters=[Parameters(size=size) for size in WANTED_SIZES])
    async with service(application).streaming_output_call(request, timeout=LIMIT) as stream:
        check([zeros(size) for size in WANTED_SIZES], [each.payload async for each in stream])


@case
async def server_compressed_streaming(application):
    wanted = ((True, 31_415), (False, 92_653))
    parameters = [Parameters(compressed=BoolValue(value=flag), size=size) for flag, size in wanted]
    request = OutputRequest(response_parameters=parameters)
    came_compressed()
    async with service(application).streaming_output_call(request, timeout=LIMIT) as stream:
        found = [(came_compressed(), len(each.payload.body)) async for each in stream]
    check(list(wanted), found)


@case
async def ping_pong(application):
    async with service(application).full_duplex_call(timeout=LIMIT) as stream:
        for wanted, sent in zip(WANTED_SIZES, SENT_SIZES, strict=True):
            await stream.send(duplex(wanted, sent))
            check(zeros(wanted), (await stream.__anext__()).payload)
        await stream.end()
        await no_more(stream)


@case
async def empty_stream(application):
    async with service(application).full_duplex_call(timeout=LIMIT) as stream:
        await stream.end()
        await no_more(stream)


@case
async def custom_metadata(application):
    metadata = {INITIAL: "test_initial_metadata_value", TRAILING: b"\xab\xab\xab"}

    with call_details() as details:
        await service(application).unary_call(large(), timeout=LIMIT, metadata=metadata)
    check(metadata[INITIAL], details.metadata.get(INITIAL))
    check(metadata[TRAILING], details.trailers.get(TRAILING))
    requests = [duplex(LARGE_RESPONSE, LARGE_REQUEST)]
    async with service(application).full_duplex_call(
        requests, timeout=LIMIT, metadata=metadata
    ) as stream:
        check(metadata[INITIAL], (await stream.metadata()).get(INITIAL))
        check([LARGE_RESPONSE], [len(each.payload.body) async for each in stream])
        check(metadata[TRAILING], stream.trailers.get(TRAILING))


async def _fails_as_told(application, code, text):
    status = EchoStatus(code=code, message=text)
    unary = service(application).unary_call(SimpleRequest(response_status=status), timeout=LIMIT)
    error = await failure(unary)
    check((Status(code), text), (error.status, error.message))
    return status


@case
async def status_code_and_message(application):
    text = "test status message"
    status = await _fails_as_told(application, 2, text)
    requests = [OutputRequest(response_status=status)]
    async with service(application).full_duplex_call(requests, timeout=LIMIT) as stream:
        error = await failure(stream.__anext__())
    check((Status.UNKNOWN, text), (error.status, error.message))


@case
async def special_status_message(application):
    text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    await _fails_as_told(application, 2, text)


@case
async def unimplemented_method(application):
    call = service(application).unimplemented_call(Empty(), timeout=LIMIT)
    await ends_with(Status.UNIMPLEMENTED, call)


@case
async def unimplemented_service(application):
    client = application.client(SERVICES["grpc.testing.UnimplementedService"])
    await ends_with(Status.UNIMPLEMENTED, client.unimplemented_call(Empty(), timeout=LIMIT))


@case
async def cancel_after_begin(application):
    # A stream that is written by hand, since what is awaited cannot be cancelled here.
    methods = {one.method.name: one.method for one in offered(SERVICES[SERVICE])}
    as_stream = attrs.evolve(methods["StreamingInputCall"], shape=Shape.BIDI_STREAM)
    stream = application.channel(SERVICE).stream(as_stream, None, CallOptions(20.0))
    # What is asked for first begins the call; no message is sent.
    beginning = ensureDeferred(stream.metadata())
    stream.cancel()
    await ends_with(Status.CANCELLED, beginning)


@case
async def cancel_after_first_response(application):
    async with service(application).full_duplex_call(timeout=LIMIT) as stream:
        await stream.send(duplex(31_415, 27_182))
        check(zeros(31_415), (await stream.__anext__()).payload)
        stream.cancel()
        await ends_with(Status.CANCELLED, stream.__anext__())


@case
async def timeout_on_sleeping_server(application):
    async with service(application).full_duplex_call(timeout="1ms") as stream:
        with suppress(CallError):
            await stream.send(OutputRequest(payload=zeros(27_182)))
        await ends_with(Status.DEADLINE_EXCEEDED, stream.__anext__())
