"""
The standard services of gRPC, asked by grpcio.
"""

from __future__ import annotations

import signal

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from rpcfw_grpc.services import channelz, health, reflection
from tests.real.commands import Running, address_in

SETS = (
    "app.python_path=examples/greeter",
    "app.protocols=native, grpc",
    "server.protocols=native, grpc",
    "server.services=service:Greeter",
    "server.builtin=grpc_health, grpc_reflection, grpc_channelz",
    "registry.plugin=memory",
    # Declared by hand, so that a source tree that was never installed will do.
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "plugins.services.grpc_health=rpcfw_grpc.services.health:GRPCHealth",
    "plugins.services.grpc_reflection=rpcfw_grpc.services.reflection:GRPCReflection",
    "plugins.services.grpc_channelz=rpcfw_grpc.services.channelz:GRPCChannelz",
)
LIMIT_S = 20


@pytest.fixture
def server():
    """
    A process that serves.
    """
    with Running("serve", *(word for each in SETS for word in ("--set", each))) as running:
        yield running


@pytest.fixture
def channel(server):
    """
    grpcio's channel to it.
    """
    with grpc.insecure_channel(address_in(server.line())) as opened:
        yield opened


def ask(channel, schema, path, request):
    """
    Make a unary call by its path.
    """
    answer = schema.message(f"{path.rpartition('/')[2]}Response")
    stub = channel.unary_unary(
        path, request_serializer=_written, response_deserializer=answer.FromString
    )
    return stub(request, timeout=LIMIT_S)


def _written(message):
    return message.SerializeToString()


def test_health(server, channel):
    """
    Probes are answered; a watch hears of the stop and lets it happen.
    """
    request = health.SCHEMA.message("HealthCheckRequest")
    response = health.SCHEMA.message("HealthCheckResponse")
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check", _written, response_deserializer=response.FromString
    )
    assert 1 == check(request(), timeout=LIMIT_S).status
    with pytest.raises(grpc.RpcError) as refused:
        check(request(service="nobody"), timeout=LIMIT_S)
    assert grpc.StatusCode.NOT_FOUND is refused.value.code()

    watch = channel.unary_stream(
        "/grpc.health.v1.Health/Watch", _written, response_deserializer=response.FromString
    )(request(), timeout=LIMIT_S)
    assert 1 == next(watch).status
    server.send(signal.SIGTERM)
    assert [2] == [each.status for each in watch]
    channel.close()
    assert 0 == server.wait()[0]


@pytest.mark.parametrize("schema", [reflection.V1, reflection.ALPHA], ids=["v1", "v1alpha"])
def test_reflection(channel, schema):
    """
    A tool lists what is served and fetches the files of a service.
    """
    request = schema.message("ServerReflectionRequest")
    answers = channel.stream_stream(
        f"/{schema.name('ServerReflection')}/ServerReflectionInfo",
        _written,
        response_deserializer=schema.message("ServerReflectionResponse").FromString,
    )
    asked = [
        request(list_services=""),
        request(file_containing_symbol="grpc.channelz.v1.Channelz"),
        request(file_containing_symbol="demo.Greeter"),
    ]
    listed, files, plain = answers(iter(asked), timeout=LIMIT_S)

    assert "demo.Greeter" in [each.name for each in listed.list_services_response.service]
    names = [
        FileDescriptorProto.FromString(each).name
        for each in files.file_descriptor_response.file_descriptor_proto
    ]
    assert "grpc/channelz/v1/channelz.proto" == names[0]
    assert 4 == len(names)
    assert "plain Python" in plain.error_response.error_message


def test_channelz(channel):
    """
    A tool finds the server and, from there, its own connection.
    """
    schema, path = channelz.SCHEMA, "/grpc.channelz.v1.Channelz/"
    servers = ask(channel, schema, f"{path}GetServers", schema.message("GetServersRequest")())
    server_id = servers.server[0].ref.server_id
    asked = schema.message("GetServerSocketsRequest")(server_id=server_id)
    (socket,) = ask(channel, schema, f"{path}GetServerSockets", asked).socket_ref
    asked = schema.message("GetSocketRequest")(socket_id=socket.socket_id)
    found = ask(channel, schema, f"{path}GetSocket", asked).socket

    assert bytes([127, 0, 0, 1]) == found.remote.tcpip_address.ip_address
    assert bytes([127, 0, 0, 1]) == found.local.tcpip_address.ip_address
    assert 3 == found.data.streams_started
