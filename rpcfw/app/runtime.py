"""
The runtime of an application: what its clients and its servers share.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.logger import Logger

from rpcfw.app.access_log.parts import make_access_logs
from rpcfw.app.plan import Plan
from rpcfw.app.steady import clock_of, pauses_of, time_of_day_of, usage_of
from rpcfw.app.threads import ReactorThreads
from rpcfw.filters.tracing.sampling import Tracing
from rpcfw.spi.channel import OpenChannel
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.spi.runtime.load_reporter import LoadReporter
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.recent_calls import RecentCalls
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.tls import TLS
from rpcfw.transport.payload import Payload
from rpcfw.transport.runtime import Runtime

__all__ = ["make_runtime"]

_log = Logger()


def make_runtime(
    plan: Plan,
    reactor: Any,
    random: RandomSource,
    network: Network | None,
    open_channel: OpenChannel,
) -> tuple[Runtime, tuple[Plugin, ...]]:
    """
    Return the runtime that a plan asks for, and the plugins in it, to be started.
    """
    tls = TLS(plan.tls, clock_of(reactor), time_of_day_of(reactor))
    network = network or Network(reactor, tls=tls)
    plugin_context = _plugin_context(plan, reactor, random, network, open_channel)
    encoding = plan.compression.plugin
    codecs = {chosen.name: chosen.make(plugin_context) for chosen in plan.codecs}
    compressors = {chosen.name: chosen.make(plugin_context) for chosen in plan.compressors}
    protocols = {chosen.name: chosen.make(plugin_context) for chosen in plan.protocols}
    tracer = None if plan.tracer is None else plan.tracer.make(plugin_context)
    payload = Payload(
        codecs,
        compressors,
        "" if encoding == "none" else encoding,
        plan.compression.threshold,
        plan.limits.max_receive_bytes,
    )
    runtime = Runtime(
        reactor=reactor,
        timers=plugin_context.timers,
        random=random,
        network=network,
        payload=payload,
        protocols=protocols,
        limits=evolve(plan.limits.limits(), pauses=plugin_context.pauses),
        link_options=plan.link,
        plugin_context=plugin_context,
        tracing=None if tracer is None else Tracing(tracer, plugin_context),
        access_logs=make_access_logs(plan.access_log, plugin_context),
    )
    plugins: tuple[Plugin, ...] = (*codecs.values(), *compressors.values(), *protocols.values())
    if tracer is not None:
        plugins = (tracer, *plugins)
    exporter = plan.metrics.exporter
    if exporter is not None:
        # Stopped last, so that what the stop counts is exported too.
        plugins = (exporter.make(plugin_context), *plugins)
    return runtime, plugins


def _plugin_context(
    plan: Plan, reactor: Any, random: RandomSource, network: Network, open_channel: OpenChannel
) -> PluginContext:
    clock, time_of_day = clock_of(reactor), time_of_day_of(reactor)
    return PluginContext(
        clock=clock,
        timers=Timers(clock),
        pauses=pauses_of(reactor),
        random=random,
        meter=Meter(plan.metrics.options.max_series, _log_full),
        threads=ReactorThreads(reactor),
        application=plan.app.name,
        open_channel=open_channel,
        network=network,
        time_of_day=time_of_day,
        recent_calls=RecentCalls(
            clock.seconds,
            time_of_day,
            plan.access_log.slowness,
            plan.access_log.max_recent,
            plan.access_log.recent_time,
        ),
        load=LoadReporter(clock.seconds, usage_of(reactor)),
    )


def _log_full(name: str, max_series: int) -> None:
    _log.warn(
        "the metric {name} has more series than [metrics] max_series = {max_series}: further ones "
        "are counted together, as 'other'",
        name=name,
        max_series=max_series,
    )
