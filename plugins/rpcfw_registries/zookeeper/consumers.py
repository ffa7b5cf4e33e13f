"""
The applications whose consumers are listed for a service in Dubbo's layout.

Each consumer is a URL at ``/dubbo/INTERFACE/consumers``, with the name of its application.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rpcfw.values.instance import text_problem
from rpcfw_registries.layouts.dubbo.url import DubboURL
from rpcfw_registries.remote.paths import encoded
from rpcfw_registries.zookeeper.session import ZnodeMissing, ZooKeeperSession

__all__ = ["read_consumers"]

#: Of one service; a fleet may have far more processes than applications.
_MAX_CONSUMERS = 5000
_MAX_APPLICATIONS = 200


async def read_consumers(session: ZooKeeperSession, root: str, service: str) -> tuple[str, ...]:
    """
    Return the names of at most 200 applications, in their order.
    """
    try:
        children = await session.children(f"{root}/{encoded(service)}/consumers")
    except ZnodeMissing:
        return ()
    return tuple(sorted({*_applications(children.names[:_MAX_CONSUMERS])})[:_MAX_APPLICATIONS])


def _applications(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        try:
            url = DubboURL.parse(name)
        except ValueError:  # whoever wrote it
            continue
        application = url.parameters.get("application", "")
        if url.scheme == "consumer" and application and not text_problem(application):
            yield application
