"""
The SDK for a program that has none: spans wait in a bounded queue, and a thread sends them.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from threading import Thread
from typing import Any, Literal

from opentelemetry import trace
from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, PluginError
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.spi.tracer import TracerOptions
from rpcfw.values.units import Seconds

__all__ = ["Export", "OTelOptions"]

_MISSING = "the SDK of OpenTelemetry is not installed; pip install 'rpcfw[tracing]'"


@options
class OTelOptions(TracerOptions):
    """
    What the INI may say.
    """

    exporter: Literal["none", "otlp"] = option(
        "none",
        "where spans are sent; none: the program has set up the SDK itself; otlp: to a collector, "
        "by OTLP over HTTP",
    )
    endpoint: str = option(
        "",
        "URL to send to, as http://127.0.0.1:4318/v1/traces; empty: as the variables "
        "OTEL_EXPORTER_OTLP_... say, else port 4318 of this machine",
    )
    max_queue: int = option(
        "2048", "spans that wait to be sent; when there are more, further ones are dropped"
    )
    export_interval: Seconds = option("5s", "how often they are sent")
    flush_timeout: Seconds = option("5s", "how long the end of the process waits for the last ones")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing could be sent with.
        """
        if self.max_queue < 1:
            yield "max_queue", f"must be at least 1, not {self.max_queue}"
        if self.export_interval <= 0:
            yield "export_interval", "must be more than 0s"
        if self.endpoint and not self.endpoint.startswith(("http://", "https://")):
            yield "endpoint", "must be a URL, as http://127.0.0.1:4318/v1/traces"
        if self.endpoint and self.exporter == "none":
            yield "endpoint", "nothing is sent there; set exporter = otlp"


class Export:
    """
    Sends spans, if it is asked to.

    Args:
        options: see `OTelOptions`.
        plugin_context: for the name of the application, and for threads.
    """

    log = Logger()

    def __init__(self, options: OTelOptions, plugin_context: PluginContext) -> None:
        self._options = options
        self._context = plugin_context
        self._provider: Any = None
        #: The provider and the processor, once it has started.
        self.sdk: tuple[Any, Any] = (None, None)
        if options.exporter != "none":
            try:
                import_module("opentelemetry.sdk.trace")
                import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            except ImportError as error:
                raise PluginError(f"exporter = {options.exporter}: {_MISSING}") from error

    def start(self) -> bool:
        """
        Set the SDK up; return False if the program's own is to be used.

        It is the program's, too, if that has set none: what it records by itself is sent with
        the rest.
        """
        if self._options.exporter == "none":
            return False
        self.sdk = self._make_sdk()
        self._provider = self.sdk[0]
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(self._provider)
        return True

    async def stop(self) -> None:
        """
        Send what waits. In a thread, for it may take long; after ``flush_timeout`` it is given up.

        The SDK's own limits of this are not kept by all of its releases. The thread is a daemon,
        so one that is given up does not hold the end of the process up.
        """
        provider, self._provider = self._provider, None
        if provider is None:
            return
        sent, context = Event(), self._context

        def send() -> None:
            try:
                provider.shutdown()
            finally:
                context.threads.post(sent.set)

        Thread(target=send, name="rpcfw tracing, ending", daemon=True).start()
        limit_s = self._options.flush_timeout
        try:
            await with_deadline(sent.wait(), context.timers, context.timers.seconds() + limit_s)
        except DeadlineExceeded:
            self.log.warn(
                "spans may be lost: the collector did not take them within [tracing] "
                "flush_timeout of {limit_s:g} s",
                limit_s=limit_s,
            )

    def _make_sdk(self) -> tuple[Any, Any]:
        """
        Return the provider, and what takes its spans.
        """
        options = self._options
        sampling = import_module("opentelemetry.sdk.trace.sampling")
        own = import_module("rpcfw_tracers.otel.own_provider")
        queue = import_module("rpcfw_tracers.otel.span_queue")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = import_module("opentelemetry.sdk.resources")
        # Environment variables of OpenTelemetry's may say more, or otherwise.
        resource = resources.Resource({"service.name": self._context.application}).merge(
            resources.OTELResourceDetector().detect()
        )
        provider = own.OwnProvider(
            # Which traces are recorded is decided before, by the option `sample`.
            sampler=sampling.ParentBased(sampling.ALWAYS_ON),
            resource=resources.Resource.create().merge(resource),
            shutdown_on_exit=False,
        )
        processor = queue.SpanQueue(
            otlp.OTLPSpanExporter(endpoint=options.endpoint or None),
            options.max_queue,
            options.export_interval,
            self._context,
        )
        provider.export_by(processor)
        return provider, processor
