"""
What all connections of the protocol have in common: its options, and the heads of requests.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

from rpcfw.kernel.settings import Sources, options_of
from rpcfw.spi.events import Event, RequestHead, ResponseReceived
from rpcfw.spi.machine import Limits
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_dubbo.connection import RPCFW_IDS
from rpcfw_dubbo.protocol import DubboOptions, DubboProtocol
from rpcfw_hessian import JavaObject, Schema, dumps
from tests.plugins.dubbo.pair import reply


def configured(folder: Path, text: str) -> DubboProtocol:
    path = folder / "a.ini"
    path.write_text(f"[codec hessian2]\n{text}\n")
    sources = Sources.load([path])
    made = sources.section("protocol dubbo", DubboOptions, "dubbo")
    sources.finish()
    return DubboProtocol(made, plugin_context())


def answered(protocol: DubboProtocol, value: Any) -> Event:
    """
    Return the event of a reply with a value, and attachments as an application adds them.
    """
    client = protocol.client(Limits(), ())
    client.call(RequestHead("demo.Hello/say", "dubbo"), b"\x00", "", ended=True)
    encoder = Schema().encoder()
    for each in (4, value, {"dubbo": "2.0.2", "trace": "7"}):
        encoder.write(each)
    *_, event = client.receive(reply(RPCFW_IDS | 1, encoder.take()))
    return event


def test_the_limits_of_a_reply_with_attachments(tmp_path):
    """
    They are those of the options, as for a reply without.
    """
    nested: list[Any] = []
    for _ in range(150):
        nested = [nested]

    event = answered(configured(tmp_path, "max_depth = 160"), nested)
    assert (ResponseReceived, dumps(nested)) == (type(event), event.body)
    assert type(answered(configured(tmp_path, "max_depth = 100"), nested)) is not ResponseReceived


def test_the_classes_of_a_reply_with_attachments(tmp_path):
    """
    Each may come: whether it is one that the program has, is known where its type is.
    """
    order = JavaObject("com.acme.Order", {"id": 7})
    event = answered(configured(tmp_path, "allowed_classes = org.other.*"), order)
    assert (ResponseReceived, dumps(order)) == (type(event), event.body)


def test_many_timeouts_over_many_connections():
    """
    A client whose deadlines are passed on keeps heads once, and not for each provider.
    """
    protocol = DubboProtocol(options_of(DubboOptions), plugin_context())
    clients = [protocol.client(Limits(max_calls=1000), ()) for _ in range(20)]
    tracemalloc.start()
    for client in clients:
        for timeout_ms in range(1, 500):
            head = RequestHead("demo.Hello/say", "dubbo", timeout_ms / 1000, one_way=True)
            client.call(head, b"\x00", "", ended=True)
        client.take_output()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken < 1 << 20
