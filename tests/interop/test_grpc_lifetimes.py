"""
How foreign clients bear a server that limits ages and counts pings.
"""

from __future__ import annotations

import threading

import grpc
import pytest

from tests.real.commands import Module, address_in

LIMIT_S = 20
THREADS = 4
#: Some ages of 1 s.
LOAD_S = 4


@pytest.fixture
def serve(shop_folder):
    """
    Starts a shop with settings, and ends it behind the test.
    """
    started = []

    def start(*sets: str) -> str:
        shop = Module(
            "tests.interop.shop_server", shop_folder, "server.listen=tcp:127.0.0.1:0", *sets
        )
        started.append(shop.__enter__())
        return address_in(shop.line())

    yield start
    for shop in started:
        shop.__exit__(None, None, None)


def test_no_call_is_lost_as_connections_age(serve):
    """
    grpcio's client opens connection after connection, and not one call of it fails.
    """
    import shop_pb2
    import shop_pb2_grpc

    address = serve("server.max_connection_age=1s")
    failures, made, states = [], [0] * THREADS, []
    over = threading.Event()
    with grpc.insecure_channel(address) as channel:
        channel.subscribe(states.append)
        stub = shop_pb2_grpc.ShopStub(channel)

        def call_on(number):
            while not over.is_set():
                try:
                    stub.Echo(shop_pb2.Note(text="x"), timeout=LIMIT_S)
                except grpc.RpcError as error:
                    failures.append(f"{error.code()}: {error.details()}")
                made[number] += 1

        threads = [threading.Thread(target=call_on, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        over.wait(LOAD_S)
        over.set()
        for thread in threads:
            thread.join()

    assert [] == failures
    assert sum(made) > 200
    after = states[states.index(grpc.ChannelConnectivity.READY) :]
    assert set(after) > {grpc.ChannelConnectivity.READY}


def test_a_client_that_pings_too_often(serve):
    """
    grpcio's client hears that it does, its call ends, and the next one goes through.
    """
    import shop_pb2
    import shop_pb2_grpc

    address = serve()
    options = [
        ("grpc.keepalive_time_ms", 100),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with grpc.insecure_channel(address, options) as channel:
        stub = shop_pb2_grpc.ShopStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Hang(shop_pb2.Note(), timeout=LIMIT_S)
        assert grpc.StatusCode.UNAVAILABLE is caught.value.code()
        assert "too_many_pings" in caught.value.details()
        assert "x" == stub.Echo(shop_pb2.Note(text="x"), timeout=LIMIT_S).text
