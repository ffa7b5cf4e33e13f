"""
One port, several languages of the wire at once.
"""

from __future__ import annotations

import json
import socket

import grpc
import pytest

from tests.real.commands import Running, address_in, rpcfw

SETS = (
    "app.python_path=examples/greeter",
    "app.protocols=native, grpc",
    "server.protocols=native, grpc",
    "server.services=service:Greeter",
    "registry.plugin=memory",
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
)
LIMIT_S = 20


@pytest.fixture
def address():
    """
    Where such a port is.
    """
    with Running("serve", *(word for each in SETS for word in ("--set", each))) as running:
        yield address_in(running.line())


def answers_to(address, request):
    """
    Send some bytes and return what comes until the close.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), LIMIT_S) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def call(address, *flags):
    """
    Call with the command line; return what it printed.
    """
    plugin = "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol"
    request = '{"name": "bob"}'
    done = rpcfw(
        *("call", "--address", f"tcp:{address}", "--set", plugin),
        *(*flags, "demo.Greeter/say", request),
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def test_every_language_at_once(address):
    """
    Native, gRPC, and a refusal that browsers can show, while all are connected.
    """
    with grpc.insecure_channel(address) as channel:
        say = channel.unary_unary("/demo.Greeter/say")
        metadata = (("content-type", "application/grpc+json"),)
        with pytest.raises(grpc.RpcError) as refused:
            # grpcio says of itself that it sends Protobuf, which Greeter is not in.
            say(b"{}", timeout=LIMIT_S, metadata=metadata)
        assert grpc.StatusCode.UNIMPLEMENTED is refused.value.code()

        greeting = call(address)
        assert greeting == call(address, "--protocol", "grpc")
        assert "bob" in greeting
        answer = answers_to(address, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"It speaks: native, grpc." in answer
        assert b"" == answers_to(address, b"no such language\r\n")
