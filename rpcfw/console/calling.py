"""
Calls that a user makes in the console: to a service, or to one of its instances.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from attrs import frozen

from rpcfw.app.application import Application
from rpcfw.console.invocation import Invocation
from rpcfw.errors import CallError, SettingsError
from rpcfw.values.address import Address
from rpcfw.values.call_options import CallOptions
from rpcfw.values.instance import Instance

__all__ = ["CallResult", "call_method", "place_of"]

#: Responses of a stream that are shown, and characters of all of them.
_MAX_RESPONSES = 100
_MAX_SHOWN_CHARS = 200_000


@frozen
class CallResult:
    """
    What came of a call.

    Args:
        error: its status and message; empty if it succeeded.
        responses: each as JSON.
        took_ms: milliseconds.
        cut: there was more than is shown, or may have been.
    """

    error: str
    responses: Sequence[str]
    took_ms: float
    cut: bool = False


async def call_method(
    application: Application,
    invocation: Invocation,
    request: Any,
    options: CallOptions,
    instance: Instance | None,
) -> CallResult:
    """
    Make a call, and return what came of it.

    Args:
        request: what JSON is for; a list, if the caller streams.
        instance: the one that is called; None: the balancer chooses.

    Raises:
        SettingsError: none of the wires of this process is spoken by the instance, or the request
            does not fit.
    """
    sent = _encoded(invocation, request)
    clock = application.runtime.clock
    began = clock.seconds()
    method = invocation.method
    responses: list[str] = []
    error, stopped = "", False
    async with AsyncExitStack() as stack:
        if instance is None:
            channel = application.channel(method.service)
        else:
            open_channel = application.runtime.plugin_context.open_channel
            address, protocol = place_of(application, instance)
            channel = open_channel(address, protocol, service=method.service)
            stack.push_async_callback(channel.close)
        try:
            if method.shape.server_streams:
                stopped = await _stream(channel, invocation, sent, options, responses)
            else:
                responses.append(invocation.show(await channel.call(method, sent, options)))
        except CallError as failure:
            error = str(failure)
    took_ms = (clock.seconds() - began) * 1000
    shown = [each[:_MAX_SHOWN_CHARS] for each in responses]
    cut = any(len(each) > _MAX_SHOWN_CHARS for each in responses)
    return CallResult(error, shown, took_ms, cut or stopped)


def _encoded(invocation: Invocation, request: Any) -> Any:
    if not invocation.method.shape.client_streams:
        return invocation.encode(request)
    messages = request if isinstance(request, list) else [request]
    return [invocation.encode(each) for each in messages]


async def _stream(
    channel: Any, invocation: Invocation, sent: Any, options: CallOptions, responses: list[str]
) -> bool:
    """
    Add the responses of a stream; return whether it was stopped before its end.
    """
    left = _MAX_SHOWN_CHARS
    async with channel.stream(invocation.method, sent, options) as stream:
        async for response in stream:
            text = invocation.show(response)
            responses.append(text)
            left -= len(text)
            if len(responses) == _MAX_RESPONSES or left <= 0:
                return True
    return False


def place_of(application: Application, instance: Instance) -> tuple[Address, str]:
    """
    Return where an instance is called, and over which wire.

    Raises:
        SettingsError: it speaks none that this process has.
    """
    known = application.runtime.protocols
    spoken = [name for name in known if name in instance.protocols]
    if not spoken:
        names = ", ".join(known)
        raise SettingsError(
            f"{instance.address} speaks none of {names}: add its protocol to [app] protocols"
        )
    return instance.address, spoken[0]
