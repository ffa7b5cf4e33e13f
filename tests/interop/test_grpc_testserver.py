"""
What gRPC's documents say of the server of the interoperability suite, beyond our own cases.
"""

from __future__ import annotations

import pytest

from rpcfw import Status, call_details, uncompressed
from rpcfw.errors import CallError
from rpcfw.testing.lab import Lab
from tests.interop.grpc_schema import SERVICE, SERVICES, message
from tests.interop.grpc_testserver import TestService
from tests.interop.noting_gzip import SETS, came_compressed

SimpleRequest, BoolValue = message("SimpleRequest"), message("BoolValue")
InputRequest, Payload = message("StreamingInputCallRequest"), message("Payload")
OutputRequest = message("StreamingOutputCallRequest")
Parameters, EchoStatus = message("ResponseParameters"), message("EchoStatus")

TRUE, FALSE = BoolValue(value=True), BoolValue(value=False)
BODY = Payload(body=bytes(50_000))


@pytest.fixture(name="lab")
def _lab():
    with Lab() as lab:
        sets = [*SETS, "server.protocols=grpc"]
        lab.serve(TestService(lab.clock), sets=sets)
        yield lab


@pytest.fixture(name="client")
def _client(lab):
    return lab.consumer(*SETS, "client.protocols=grpc").application.client(SERVICES[SERVICE])


def status_of(lab, call):
    """
    Return how a call ends.
    """
    try:
        lab.run(call)
    except CallError as error:
        return error.status
    return Status.OK


@pytest.mark.parametrize(
    ("expected", "compressed", "status"),
    [
        (None, "gzip", Status.INVALID_ARGUMENT),
        (FALSE, "gzip", Status.INVALID_ARGUMENT),
        (TRUE, "gzip", Status.OK),
        (None, "none", Status.OK),
        (FALSE, "none", Status.OK),
        (TRUE, "none", Status.INVALID_ARGUMENT),
    ],
)
def test_an_absent_expect_compressed_is_false(lab, client, expected, compressed, status):
    """
    A message that came compressed, or not, as it does not say is refused, in both calls.
    """
    unary = SimpleRequest(payload=BODY, expect_compressed=expected)
    streamed = InputRequest(payload=BODY, expect_compressed=expected)

    assert status == status_of(lab, client.unary_call(unary, compression=compressed))
    call = client.streaming_input_call([streamed], compression=compressed)
    assert status == status_of(lab, call)


@pytest.mark.parametrize("asked", [None, FALSE, TRUE])
def test_an_absent_response_compressed_is_false(lab, client, asked):
    """
    What nobody asked to be compressed is not, however large.
    """
    wanted = asked is TRUE
    parameters = [Parameters(size=50_000, compressed=each) for each in (asked, None, TRUE)]

    async def flags():
        came_compressed()
        await client.unary_call(SimpleRequest(response_size=50_000, response_compressed=asked))
        found = [came_compressed()]
        for method, request in (
            (client.streaming_output_call, OutputRequest(response_parameters=parameters)),
            (client.full_duplex_call, [OutputRequest(response_parameters=parameters)]),
        ):
            async with method(request) as stream:
                found += [came_compressed() async for _ in stream]
        return found

    assert [wanted, *[wanted, False, True] * 2] == lab.run(flags())


@pytest.mark.parametrize(
    "request_", [SimpleRequest(response_type=1), SimpleRequest(response_size=-1)]
)
def test_a_payload_that_cannot_be_made(lab, client, request_):
    """
    A type of payload that is not supported, or no size, is an invalid argument.
    """
    assert Status.INVALID_ARGUMENT == status_of(lab, client.unary_call(request_))


def test_a_status_ends_a_stream(lab, client):
    """
    After a status that was asked for no further message is looked at; unknown ones are UNKNOWN.
    """

    async def told(code):
        first = OutputRequest(response_status=EchoStatus(code=code, message="so"))
        second = OutputRequest(response_parameters=[Parameters(size=1)])
        async with client.full_duplex_call([first, uncompressed(second)]) as stream:
            return [each async for each in stream]

    assert Status.ABORTED == status_of(lab, told(10))
    assert Status.UNKNOWN == status_of(lab, told(99))


def test_a_cacheable_call(lab, client):
    """
    Each response is another, and proxies are told how long to keep it.
    """
    with call_details() as details:
        first, second = (lab.run(client.cacheable_unary_call(SimpleRequest())) for _ in range(2))

    assert int(first.payload.body) < int(second.payload.body)
    assert "max-age=60, public" == details.metadata.get("cache-control")
