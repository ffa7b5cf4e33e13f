"""
Asking a provider which services it offers: storage type ``local``, Dubbo's default.
"""

from __future__ import annotations

from typing import Any, Final

from rpcfw.errors import PluginError
from rpcfw.spi.channel import Channel, OpenChannel
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method, Shape
from rpcfw_hessian.objects import JavaObject
from rpcfw_registries.layouts.dubbo.application_reader import MetadataService, Services, services_of

__all__ = ["ask_provider"]

_METHOD: Final = Method(
    "org.apache.dubbo.metadata.MetadataService",
    "getMetadataInfo(java.lang.String)",
    Shape.UNARY,
    Any,
    Any,
    "hessian2",
    idempotent=True,
)
_PROTOCOLS: Final = ("dubbo", "tri")
_VERSION = "1.0.0"
_LIMIT_S = 3.0


async def ask_provider(
    open_channel: OpenChannel, where: MetadataService, application: str, revision: str
) -> Services:
    """
    Return the services of a revision.

    Raises:
        CallError: the provider does not answer.
        ValueError: its answer cannot be understood.
    """
    channel = _channel(open_channel, where)
    try:
        options = CallOptions(_LIMIT_S, {"group": application, "version": _VERSION})
        answer = await channel.call(_METHOD, [revision], options)
    finally:
        await channel.close()
    metadata = _fields(answer)
    services = _fields(metadata.get("services"))
    return services_of({"services": {name: _fields(each) for name, each in services.items()}})


def _channel(open_channel: OpenChannel, where: MetadataService) -> Channel:
    """
    Return a channel to a provider.

    Raises:
        ValueError: its protocol is not in use here.
    """
    protocol = where.protocol
    remedy = "set metadata-type=remote there"
    if protocol not in _PROTOCOLS:
        expected = " or ".join(_PROTOCOLS)
        raise ValueError(
            f"its metadata service speaks {protocol[:100]!r}, expected {expected}; {remedy}"
        )
    try:
        return open_channel(where.address, protocol)
    except PluginError:
        raise ValueError(
            f"its metadata service speaks {protocol}; add {protocol} to [app] protocols, "
            f"or {remedy}"
        ) from None


def _fields(value: Any) -> dict[str, Any]:
    """
    Return an object of Java, or a map, as a dict; empty if it is neither.
    """
    if isinstance(value, JavaObject):
        return value.fields
    return value if isinstance(value, dict) else {}
