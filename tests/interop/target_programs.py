"""
``python -m tests.interop.target_programs FOLDER KIND``: grpcio's server, by every target.

Our channels to one target, of ``threads`` or of ``aio``, call a server of grpcio's that
listens at a port, at a socket, and at a port with TLS for clients with a certificate.
Prints what was found as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from rpcfw_grpc import adapters
from tests.certificates import Authority
from tests.interop.blocking_stubs import LIMIT_S, echo

IN_TURN = [("grpc.lb_policy_name", "round_robin")]
BY_NAME = [("grpc.ssl_target_name_override", "greeter.internal")]
ONLY_SMALL = [("grpc.max_receive_message_length", 10)]


def served(folder, servicer, add):
    """
    Return a server that runs, its two ports, and the authority behind the second.
    """
    authority = Authority(folder)
    chain, key, _ = authority.issue("server", "greeter.internal")
    pair = key.read_bytes(), chain.read_bytes()
    credentials = grpc.ssl_server_credentials([pair], authority.certificate.read_bytes(), True)
    server = grpc.server(ThreadPoolExecutor(16))
    add(servicer, server)
    plain = server.add_insecure_port("127.0.0.1:0")
    server.add_insecure_port(f"unix:{folder}/app.sock")
    secure = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, plain, secure, authority


def channels(made_by, folder, plain, secure, authority):
    """
    Give what makes each channel, by name.
    """
    certificate, key, _ = authority.issue("client", "client")
    trusted = adapters.ssl_channel_credentials(authority.certificate, key, certificate)
    strange = adapters.ssl_channel_credentials()
    short = {"sets": ["client.timeout=2s"]}
    return {
        "name": lambda: made_by.insecure_channel(f"localhost:{plain}"),
        "in turn": lambda: made_by.insecure_channel(f"dns:///localhost:{plain}", IN_TURN),
        "several": lambda: made_by.insecure_channel(f"ipv4:127.0.0.1:{plain},127.0.0.1:1"),
        "socket": lambda: made_by.insecure_channel(f"unix:{folder}/app.sock"),
        "small": lambda: made_by.insecure_channel(f"localhost:{plain}", ONLY_SMALL),
        "tls": lambda: made_by.secure_channel(f"127.0.0.1:{secure}", trusted, BY_NAME),
        "not trusted": lambda: made_by.secure_channel(
            f"127.0.0.1:{secure}", strange, BY_NAME, **short
        ),
    }


def with_threads(made, pb2, stub):
    found = {}
    for name, make in made.items():
        with make() as channel:
            found[name] = outcome(lambda one=channel: stub(one).Say(pb2.Ask(text="hello")).text)
    return found


def outcome(call):
    try:
        return call()
    except grpc.RpcError as error:
        return error.code().name


async def with_asyncio(made, pb2, stub):
    found = {}
    for name, make in made.items():
        async with make() as channel:
            try:
                found[name] = (await stub(channel).Say(pb2.Ask(text="hello"), timeout=3)).text
            except grpc.aio.AioRpcError as error:
                found[name] = error.code().name
    return found


def main(folder, kind):
    sys.path.insert(0, str(folder))
    import adapted_pb2 as pb2
    import adapted_pb2_grpc as pb2_grpc

    servicer = echo(pb2, pb2_grpc.EchoServicer)
    server, *places = served(folder, servicer, pb2_grpc.add_EchoServicer_to_server)
    if kind == "threads":
        found = with_threads(channels(adapters, folder, *places), pb2, pb2_grpc.EchoStub)
    else:
        made = channels(adapters.aio, folder, *places)
        found = asyncio.run(with_asyncio(made, pb2, pb2_grpc.EchoStub))
        # A second loop, after the first, has channels of its own.
        found["again"] = asyncio.run(with_asyncio({"name": made["name"]}, pb2, pb2_grpc.EchoStub))[
            "name"
        ]
    server.stop(None).wait(LIMIT_S)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
