"""
An answer for calls that failed, from the INI or from a class of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import isawaitable
from typing import Any, ClassVar

import msgspec
from twisted.logger import Logger

from rpcfw.errors import CallError, DeadlineExceeded, InvalidMessage, SetupError
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import as_coroutine, with_deadline
from rpcfw.spi.status_names import status_problem
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.method import Method
from rpcfw_fallbacks.values import response_from_json

__all__ = ["Fallback", "FallbackOptions"]

_TARGET = re.compile(r"[\w.]+:\w+\Z")


@options
class FallbackOptions:
    """
    What the INI may say.
    """

    value: str = option("", "the answer, as JSON")
    target: str = option(
        "", "class whose methods answer, as module:Class, instead of a value", loads_code=True
    )
    methods: tuple[str, ...] = option(
        "", "methods that are answered so, as demo.Shop/get; empty: all"
    )
    statuses: tuple[str, ...] = option(
        "UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED", "failures that are answered so"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no answer could be made of.
        """
        if bool(self.value) == bool(self.target):
            yield "value", "give one of value and target"
        if self.target and not _TARGET.match(self.target):
            yield "target", f"{self.target!r} names no class; expected module:Class"
        if self.value:
            try:
                msgspec.json.decode(self.value)
            except msgspec.DecodeError as error:
                yield "value", f"{self.value!r} is no JSON: {error}"
        for problem in filter(None, map(status_problem, self.statuses)):
            yield "statuses", problem


class Fallback(Filter):
    """
    Answers unary calls that failed, with a value or by a method of the same name.

    Its place is outside of DEADLINE, so that it answers calls that are out of time, too. A
    method is only called while the call has time left; a value takes none.
    """

    Options: ClassVar[type] = FallbackOptions
    log = Logger()

    def __init__(self, options: FallbackOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._value = options.value.encode()
        self._object = _made(options.target) if options.target else None
        self._statuses = frozenset(Status[name] for name in options.statuses)
        self._methods = frozenset(options.methods)
        self._log = LimitedLog(self.log, plugin_context.clock.seconds, burst=1)
        self._used = plugin_context.meter.counter(
            "rpcfw_client_fallbacks_total", "calls that a fallback answered", "service", "method"
        )

    def take_over(self, before: Fallback) -> None:
        """
        Keep the object of the class, which may have a cache of its own.
        """
        if self.options.target == before.options.target:
            self._object = before._object

    def explain(self, call: Call) -> str:
        if not self._is_for(call.method):
            return "not for this method"
        names = ", ".join(sorted(each.name for each in self._statuses))
        return f"answers failures with {names} by {self.options.target or 'a value'}"

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        try:
            return await proceed(call)
        except CallError as error:
            if error.status not in self._statuses or not self._is_for(call.method):
                raise
            answer = await self._answer(call, error)
            self._count(call, error)
            return answer

    def _is_for(self, method: Method) -> bool:
        if not method.unary or (self._methods and method.path not in self._methods):
            return False
        if self._object is None:
            return True
        # A gateway may call methods that its own callers name: none is the class's own business.
        return not method.name.startswith("_") and hasattr(self._object, method.name)

    async def _answer(self, call: Call, error: CallError) -> Any:
        """
        Return the answer.

        Raises:
            CallError: as the call failed, if there is no time for an answer.
        """
        if self._object is None:
            return self._decoded(call.method)
        timers = self.plugin_context.timers
        if call.deadline <= timers.seconds():
            raise error
        made = getattr(self._object, call.method.name)(call, error)
        if not isawaitable(made):
            return made
        try:
            return await with_deadline(as_coroutine(made), timers, call.deadline)
        except DeadlineExceeded:
            raise error from None

    def _decoded(self, method: Method) -> Any:
        # Anew for each caller, which may change what it gets.
        try:
            return response_from_json(self._value, method.response_type)
        except ValueError as error:
            raise InvalidMessage(
                f"the fallback value for {method.path} does not fit its response: {error}"
            ) from error

    def _count(self, call: Call, error: CallError) -> None:
        method = call.method
        self._used.of(method.service, method.name).value += 1
        self._log.warn_of(
            method.path,
            "a fallback answers {method}: {error}",
            method=method.path,
            error=error,
            trace_id=call.trace_id,
        )


def _made(target: str) -> Any:
    """
    Return an instance of a class of the user's.

    Raises:
        SetupError: there is none.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)()
    except Exception as error:
        # A module of somebody's may raise anything.
        raise SetupError(f"{target} cannot be made: {type(error).__name__}: {error}") from error
