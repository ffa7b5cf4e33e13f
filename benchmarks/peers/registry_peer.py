"""
A registry as providers and consumers meet it; for ``standalone`` its node as well.

The caller is a provider and a consumer in one process, each with a registry, and so
connections, of its own. Times are from the provider's word to the consumer's ear.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from benchmarks.job import Job
from benchmarks.peers.reactors import run_reactor
from rpcfw.app.application import Application
from rpcfw.kernel.settings import options_of
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot
from rpcfw_registries.standalone.node.service import NodeOptions, node_services

__all__ = ["INSTANCES", "call", "serve"]

INSTANCES = 10_000

_PROBES = 100
_AT_ONCE = 200
_ADDRESS = Address("tcp", "127.0.0.1", 9)


def serve(job: Job) -> None:
    """
    Serve a registry server.
    """
    plain = Application.from_ini(sets=("registry.plugin=memory",))
    runtime = plain.runtime
    services = node_services(options_of(NodeOptions), runtime.plugin_context)
    node = Application(plain.plan, runtime.reactor, runtime.random, services=services)

    async def start() -> None:
        await node.start()
        assert node.server is not None
        job.ready(node.server.addresses[0].port)

    run_reactor(start(), stays=True)


def call(job: Job) -> None:
    """
    Announce and watch, once for each order.
    """
    address = job.address or f"tcp:127.0.0.1:{job.port}"
    sets = (f"registry.plugin={job.peer}", f"registry.address={address}")
    provider, consumer = (Application.from_ini(sets=sets) for _ in range(2))

    async def measure() -> None:
        await provider.start()
        await consumer.start()
        assert provider.registry is not None
        assert consumer.registry is not None
        for _ in job.orders():
            job.report(await _measure(provider.registry, consumer.registry))

    run_reactor(measure(), stays=False)


async def _measure(provider: Registry, consumer: Registry) -> dict[str, Any]:
    visible = [await _until_seen(provider, consumer, "bench.Few", n) for n in range(_PROBES)]
    many = [Instance("bench.Many", f"i{n}", _ADDRESS) for n in range(INSTANCES)]
    for start in range(0, INSTANCES, _AT_ONCE):
        some = many[start : start + _AT_ONCE]
        await gatherResults([spawn(provider.announce(one)) for one in some], consumeErrors=True)
    begun = perf_counter()
    await _Seen(consumer, "bench.Many", lambda seen: len(seen.instances) >= INSTANCES).when()
    loaded = perf_counter() - begun
    changes = [
        await _until_seen(provider, consumer, "bench.Many", INSTANCES + n)
        for n in range(_PROBES // 4)
    ]
    return {
        **_told("visible", visible),
        "load_s": round(loaded, 3),
        **_told("change", changes),
    }


class _Seen:
    """
    Watches until something is seen.
    """

    def __init__(self, registry: Registry, service: str, is_it: Any) -> None:
        self._is_it = is_it
        self._seen: Deferred[float] = Deferred()
        self._watch = registry.watch(service, self._told)

    def _told(self, snapshot: Snapshot) -> None:
        if not self._seen.called and self._is_it(snapshot):
            self._seen.callback(perf_counter())

    async def when(self) -> float:
        """
        Return the moment.
        """
        seen = await self._seen
        self._watch.close()
        return seen


async def _until_seen(provider: Registry, consumer: Registry, service: str, number: int) -> float:
    instance = Instance(service, f"i{number}", _ADDRESS)
    told: Deferred[None] = Deferred()

    def is_it(snapshot: Snapshot) -> bool:
        # The first word is what was there before.
        if not told.called:
            told.callback(None)
        return any(one.id == instance.id for one in snapshot.instances)

    seen = _Seen(consumer, service, is_it)
    await told
    begun = perf_counter()
    await provider.announce(instance)
    return (await seen.when()) - begun


def _told(what: str, taken: Sequence[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        f"{what}_p50_ms": round(ordered[len(ordered) // 2] * 1e3, 2),
        f"{what}_p99_ms": round(ordered[len(ordered) * 99 // 100] * 1e3, 2),
    }
