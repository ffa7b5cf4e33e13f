"""
The server's stack: its filters in their places, down to the method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rpcfw.filters.deadline import ServerDeadline
from rpcfw.filters.identified import Identified
from rpcfw.filters.metrics import ServerMetrics
from rpcfw.filters.tracing.server import ServerTracing
from rpcfw.kernel.edits import Edits, Insert
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.live_plugins import Generation, LivePlugins, Replacement
from rpcfw.kernel.orders import SERVER_ORDER
from rpcfw.kernel.stack import Stack
from rpcfw.spi.filter import CallStep, Filter, Role
from rpcfw.spi.plugin import NoOptions
from rpcfw.transport.runtime import Runtime

__all__ = ["ServerStack"]


class ServerStack:
    """
    Makes the stack, and a new one when filters are replaced; what counts is the same in all.

    Args:
        filters: the user's, each with its place.
        removes: places that are left empty.
        dispatch: makes the step that runs methods.
        hooks: runs what filters do at their start and stop.
        runtime: of the process.
        open_methods: those that anybody may call; None if all are, to anybody.
    """

    def __init__(
        self,
        filters: Sequence[tuple[Insert, Filter]],
        removes: tuple[str, ...],
        dispatch: Callable[[], CallStep],
        hooks: Hooks,
        runtime: Runtime,
        open_methods: Sequence[str] | None = None,
    ) -> None:
        context, tracing = runtime.plugin_context, runtime.tracing
        self.filters = tuple(filters)
        self.metrics = ServerMetrics(NoOptions(), context)
        #: None if no calls are logged.
        self.access_log = None if Role.ACCESS_LOG.value in removes else runtime.access_logs.server
        plugins = dict.fromkeys(filter for _, filter in self.filters)
        self.plugins = LivePlugins(plugins, hooks, context.threads.post)
        self._deadline = ServerDeadline(NoOptions(), context)
        self._tracing = None if tracing is None else ServerTracing(tracing, context)
        self._identified = None if open_methods is None else Identified(context, open_methods)
        self._removes = removes
        self._dispatch = dispatch
        self.stack, self.run_method, self.step = self._built(self.filters, self.plugins.generation)
        #: Called when these have changed; set by the code that passes calls through them.
        self.changed: Callable[[], None] = _nobody

    def replacement(self, pairs: Sequence[tuple[Filter, Filter]]) -> Replacement:
        """
        Return what puts new filters, each second of a pair, in the place of old ones.
        """
        new = dict(pairs)
        filters = tuple((edit, new.get(filter, filter)) for edit, filter in self.filters)
        return Replacement(self.plugins, pairs, partial(self._replace, filters))

    def _replace(
        self, filters: tuple[tuple[Insert, Filter], ...], generation: Generation
    ) -> Callable[[], None]:
        built = self._built(filters, generation)

        def put() -> None:
            self.filters = filters
            self.stack, self.run_method, self.step = built
            self.changed()

        return put

    def _built(
        self, filters: tuple[tuple[Insert, Filter], ...], generation: Generation
    ) -> tuple[Stack, CallStep, CallStep]:
        """
        Return the stack, the step inside of it, and what takes a call through both.
        """
        stack = Stack(SERVER_ORDER)
        stack.put(Role.METRICS, "metrics", self.metrics)
        if self._tracing is not None:
            stack.put(Role.TRACING, "tracing", self._tracing)
        if self.access_log is not None:
            stack.put(Role.ACCESS_LOG, "access log", self.access_log)
        stack.put(Role.DEADLINE, "deadline", self._deadline)
        if self._identified is not None:
            stack.put(Role.AUTH, "identified", self._identified)
        stack.edit(Edits(filters, self._removes))
        run_method = generation.held_by(self._dispatch())
        return stack, run_method, stack.build(run_method)


def _nobody() -> None:
    """
    Nobody takes calls through it yet.
    """
