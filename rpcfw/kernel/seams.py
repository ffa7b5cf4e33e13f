"""
The seams that plugins are found for, by entry-point group.
"""

from __future__ import annotations

from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.authenticator import Authenticator
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.breaker import Breaker
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.bus import Bus
from rpcfw.spi.codec import Codec
from rpcfw.spi.collector import Collector
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.credentials import Credentials
from rpcfw.spi.filter import Filter
from rpcfw.spi.limiter import Limiter
from rpcfw.spi.metrics_exporter import MetricsExporter
from rpcfw.spi.page import Page
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.registry import Registry
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.router import Router
from rpcfw.spi.rules import Rules
from rpcfw.spi.tracer import Tracer

__all__ = ["GROUP_PREFIX", "SEAMS"]

#: Precedes the names of groups that ``[plugins]`` and the command line use.
GROUP_PREFIX = "rpcfw."

#: Entry-point group to the class that its plugins subclass.
SEAMS: dict[str, type[Plugin]] = {
    "rpcfw.attempts": AttemptStrategy,
    "rpcfw.authenticators": Authenticator,
    "rpcfw.balancers": Balancer,
    "rpcfw.breakers": Breaker,
    "rpcfw.buses": Bus,
    "rpcfw.codecs": Codec,
    "rpcfw.collectors": Collector,
    "rpcfw.compressors": Compressor,
    "rpcfw.credentials": Credentials,
    "rpcfw.filters": Filter,
    "rpcfw.limiters": Limiter,
    "rpcfw.metrics_exporters": MetricsExporter,
    "rpcfw.pages": Page,
    "rpcfw.protocols": WireProtocol,
    "rpcfw.registries": Registry,
    "rpcfw.retries": RetryPolicy,
    "rpcfw.routers": Router,
    "rpcfw.rules": Rules,
    "rpcfw.services": BuiltinService,
    "rpcfw.tracers": Tracer,
}
