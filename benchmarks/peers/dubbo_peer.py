"""
rpcfw over Dubbo's protocol: the same order as a POJO, in Hessian 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import rpcfw
from benchmarks.job import Job
from benchmarks.messages import answered
from benchmarks.peers.reactors import run_reactor
from benchmarks.peers.rpcfw_peer import gather
from rpcfw.app.application import Application
from rpcfw_hessian import Long, java

__all__ = ["call", "serve"]

SERVICE = "order.v1.OrderService"
#: Declared, since a source tree will do.
_DUBBO = (
    "plugins.protocols.dubbo=rpcfw_dubbo.protocol:DubboProtocol",
    "plugins.codecs.dubbo=rpcfw_dubbo.codec:DubboCodec",
    "plugins.codecs.dubbo_generic=rpcfw_dubbo.generic:GenericCodec",
    "app.protocols=dubbo",
    "server.protocols=dubbo",
    "client.protocols=dubbo",
)


@java("order.v1.Order")
@dataclass
class Order:
    """
    An order as Java has it.
    """

    order_id: Long = 0
    user_id: list[Long] = field(default_factory=list)
    remark: str = ""
    reason_id: list[int] = field(default_factory=list)


class Orders(rpcfw.Service, name=SERVICE):
    """
    Answers each order with a new one.
    """

    @rpcfw.method
    async def create(self, request: Order) -> Order:
        made: Order = answered(Order, request)
        return made


def serve(job: Job) -> None:
    """
    Serve orders.
    """
    sets = ("registry.plugin=memory", "server.listen=tcp:127.0.0.1:0", *_DUBBO, *job.sets)
    application = Application.from_ini(sets=sets, services=(Orders(),))

    async def start() -> None:
        await application.start()
        assert application.server is not None
        job.ready(application.server.addresses[0].port)

    run_reactor(start(), stays=True)


def call(job: Job) -> None:
    """
    Call as a consumer does that was told the provider's address in its INI.
    """
    node = f"registry.instances={SERVICE} = tcp:127.0.0.1:{job.port} protocols=dubbo zone=near"
    sets = ("registry.plugin=static", node, *_DUBBO, *job.sets)
    application = Application.from_ini(sets=sets)
    request = Order(**job.fields)

    async def measure() -> None:
        orders = application.client(Orders)
        await application.start()
        await job.measure(lambda: orders.create(request), gather)
        await application.stop()

    run_reactor(measure(), stays=False)
