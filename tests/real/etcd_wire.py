"""
Channels to etcd on our own gRPC, for the tests that are not about another client.
"""

from __future__ import annotations

from math import inf

from twisted.internet import reactor

from rpcfw.client.assembly import Client, ClientOptions, Policies
from rpcfw.kernel.settings import options_of
from rpcfw.spi.machine import Limits
from rpcfw.spi.plugin import NoOptions
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.tls import TLS
from rpcfw.transport.payload import Payload
from rpcfw.transport.pool.link import LinkOptions
from rpcfw.transport.runtime import Runtime
from rpcfw.values.instance import Instance
from rpcfw_balancers.round_robin import RoundRobin
from rpcfw_codecs.protobuf import ProtobufCodec
from rpcfw_grpc.protocol import GRPCProtocol
from rpcfw_retries.by_hints import ByHints

__all__ = ["wired"]


def wired(clock, around, options):
    """
    Return an ``open_channel`` on real sockets.

    Args:
        options: of ``[tls]``.
    """
    limits = Limits()
    runtime = Runtime(
        reactor=clock,
        timers=around.timers,
        random=around.random,
        network=Network(reactor, tls=TLS(options, reactor)),
        payload=Payload(
            {"protobuf": ProtobufCodec(NoOptions(), around)}, {}, "", 1024, limits.max_receive_bytes
        ),
        protocols={"grpc": GRPCProtocol(NoOptions(), around)},
        limits=limits,
        link_options=options_of(LinkOptions),
        plugin_context=around,
    )

    def open_channel(address, protocol, tls=None, *, service="", max_silence_s=inf):
        retry = ByHints(options_of(ByHints.Options), around)
        balancer = RoundRobin(NoOptions(), around)
        policies = Policies({"balancer": balancer, "retry": retry}, balancer, retry)
        options = options_of(ClientOptions, protocols=protocol)
        client = Client(runtime if tls is None else runtime.secured(tls), "", options, policies)
        client.use([Instance("", "member", address, (protocol,))])
        return client.channel

    return open_channel
