"""
Asking a provider which services it offers: storage type ``local``, Dubbo's default.
"""

from __future__ import annotations

from typing import Any, Final

from rpcfw.spi.channel import OpenChannel
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
    if where.protocol != "dubbo":
        raise ValueError(
            f"its metadata service speaks {where.protocol[:100]!r}, expected dubbo; set "
            "metadata-type=remote there"
        )
    channel = open_channel(where.address, "dubbo")
    try:
        options = CallOptions(_LIMIT_S, {"group": application, "version": _VERSION})
        answer = await channel.call(_METHOD, [revision], options)
    finally:
        await channel.close()
    metadata = _fields(answer)
    services = _fields(metadata.get("services"))
    return services_of({"services": {name: _fields(each) for name, each in services.items()}})


def _fields(value: Any) -> dict[str, Any]:
    """
    Return an object of Java, or a map, as a dict; empty if it is neither.
    """
    if isinstance(value, JavaObject):
        return value.fields
    return value if isinstance(value, dict) else {}
