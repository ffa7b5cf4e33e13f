"""
A server that stops under the calls of a foreign client.
"""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack

import grpc
import pytest

from tests.real.commands import Module, address_in

LIMIT_S = 20
THREADS = 4
CALLS_AFTER = 300


@pytest.fixture
def servers(shop_folder):
    """
    Two of them, and where they are.
    """
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                Module("tests.interop.shop_server", shop_folder, "server.listen=tcp:127.0.0.1:0")
            )
            for _ in range(2)
        ]
        yield started, [address_in(one.line()) for one in started]


def test_no_call_is_lost(servers):
    """
    grpcio's calls go elsewhere when one of two servers leaves; not one of them fails.
    """
    import shop_pb2
    import shop_pb2_grpc

    (leaving, _), addresses = servers
    failures, made = [], [0] * THREADS
    half, over = threading.Event(), threading.Event()
    options = [("grpc.lb_policy_name", "round_robin")]
    with grpc.insecure_channel("ipv4:" + ",".join(addresses), options) as channel:
        stub = shop_pb2_grpc.ShopStub(channel)

        def call_on(number):
            while not over.is_set():
                try:
                    stub.Echo(shop_pb2.Note(text="x"), timeout=LIMIT_S)
                except grpc.RpcError as error:
                    failures.append(f"{error.code()}: {error.details()}")
                made[number] += 1
                if sum(made) > CALLS_AFTER:
                    half.set()

        threads = [threading.Thread(target=call_on, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        assert half.wait(LIMIT_S)
        code, _, log = leaving.end(signal.SIGTERM)
        before = sum(made)
        half.clear()
        while sum(made) < before + CALLS_AFTER:
            half.wait(0.01)
        over.set()
        for thread in threads:
            thread.join()

    assert [] == failures
    assert 128 + signal.SIGTERM == code
    assert "had not ended" not in log
    assert "did not end" not in log
