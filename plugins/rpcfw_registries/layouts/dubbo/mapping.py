"""
Dubbo's mapping: which applications offer an interface, as names separated by commas.
"""

from __future__ import annotations

import re

from rpcfw.errors import RegistryError

__all__ = ["check_application", "with_application"]

#: What stands in a list with commas and is one part of a path.
_NAME = re.compile(r"[^\s,/\x00-\x1f\x7f]{1,256}\Z")


def check_application(name: str) -> str:
    """
    Return the name of an application if it can be registered as one.

    Raises:
        RegistryError: it cannot.
    """
    if not _NAME.match(name) or name in (".", ".."):
        raise RegistryError(
            f"[app] name is {name!r}, and Dubbo takes no names with spaces, commas or slashes; "
            "change it, or set [registry] register_mode = interface"
        )
    return name


def with_application(data: bytes, application: str) -> bytes:
    """
    Return a mapping with an application in it; the same if it is in it already.
    """
    name = application.encode()
    if name in (each.strip() for each in data.split(b",")):
        return data
    # What others wrote is kept as it is.
    return b"%b,%b" % (data, name) if data.strip() else name
