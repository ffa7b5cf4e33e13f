"""
The applications whose consumers are listed for a service in Dubbo's layout.

Each consumer is a URL at ``/dubbo/INTERFACE/consumers``, with the name of its application.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, takewhile
from urllib.parse import unquote, unquote_plus

from rpcfw.values.instance import text_problem
from rpcfw_registries.remote.paths import encoded
from rpcfw_registries.zookeeper.session import ZnodeMissing, ZooKeeperSession

__all__ = ["read_consumers"]

#: Of one service; a fleet may have far more processes than applications.
_MAX_CONSUMERS = 5000
#: Of their URLs. Those of Java have about one kilobyte.
_MAX_CHARS = 8 << 20
_MAX_APPLICATIONS = 200
#: The names are not decoded to be searched: a URL may have a thousand parameters, each of which
#: takes the reactor's time, and the page that shows consumers asks for one.
_APPLICATION = re.compile(
    r"consumer%3A%2F%2F.*?%(?:3F|26)application%3D((?:[^%/]|%(?!26)){1,900})(?:%26|\Z)",
    re.IGNORECASE,
)


async def read_consumers(session: ZooKeeperSession, root: str, service: str) -> tuple[str, ...]:
    """
    Return the names of at most 200 applications, in their order.
    """
    try:
        children = await session.children(f"{root}/{encoded(service)}/consumers")
    except ZnodeMissing:
        return ()
    return tuple(sorted({*_applications(children.names[:_MAX_CONSUMERS])})[:_MAX_APPLICATIONS])


def _applications(names: Sequence[str]) -> Iterator[str]:
    sizes = takewhile(lambda size: size <= _MAX_CHARS, accumulate(map(len, names)))
    found = (_APPLICATION.match(name) for name, _ in zip(names, sizes, strict=False))
    for text in {match[1] for match in found if match is not None}:
        try:
            application = unquote(unquote_plus(text, errors="strict"), errors="strict")
        except UnicodeDecodeError:  # whoever wrote it
            continue
        if application and not text_problem(application):
            yield application
