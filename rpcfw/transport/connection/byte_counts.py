"""
Where the bytes of connections are counted: one pair of counters for each wire and side.
"""

from __future__ import annotations

from typing import NamedTuple

from rpcfw.spi.runtime.metrics import Counter, Meter

__all__ = ["NOT_COUNTED", "ByteCounts", "client_bytes", "server_bytes"]


class ByteCounts(NamedTuple):
    """
    Bytes of all connections of a wire, at one side, without what TLS adds.
    """

    received: Counter
    sent: Counter


#: For connections that nobody asks about, so that counting needs no question.
NOT_COUNTED = ByteCounts(Counter(), Counter())


def client_bytes(meter: Meter, protocol: str) -> ByteCounts:
    """
    Return the counters of connections to nodes.
    """
    received = meter.counter(
        "rpcfw_client_received_bytes_total", "bytes that nodes have sent", "protocol"
    )
    sent = meter.counter(
        "rpcfw_client_sent_bytes_total", "bytes that were sent to nodes", "protocol"
    )
    return ByteCounts(received.of(protocol), sent.of(protocol))


def server_bytes(meter: Meter, protocol: str) -> ByteCounts:
    """
    Return the counters of connections of callers.
    """
    received = meter.counter(
        "rpcfw_server_received_bytes_total", "bytes that callers have sent", "protocol"
    )
    sent = meter.counter(
        "rpcfw_server_sent_bytes_total", "bytes that were sent to callers", "protocol"
    )
    return ByteCounts(received.of(protocol), sent.of(protocol))
