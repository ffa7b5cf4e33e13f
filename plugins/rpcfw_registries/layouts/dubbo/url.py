"""
URLs of Dubbo, which are the names of nodes: ``dubbo://10.0.0.5:20880/demo.Hello?version=1.0.0``.

The whole URL is percent-encoded once, to be one part of a path. Java writes a space as ``+``.
Inside, Dubbo encodes nothing. So that a part cannot end early, five characters are encoded
here; they are rare, and Dubbo would break at them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, unquote_plus

from attrs import frozen

from rpcfw.values.address import Address

__all__ = ["MAX_NAME_CHARS", "SCHEME", "DubboURL"]

#: Of a node's name. Those of Java have a few kilobytes.
MAX_NAME_CHARS = 1 << 16
#: Of one URL. Those of Java have about thirty, and some for each method.
_MAX_PARAMETERS = 1000
_BREAKS = re.compile(r"[%&=?#]")
#: What a protocol of Dubbo may be called.
SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{0,31}\Z")


@frozen
class DubboURL:
    """
    One URL.

    Args:
        scheme: the protocol of a provider, as ``dubbo``; or ``consumer``.
        authority: host and port; of consumers the host only.
        path: without its slash.
        parameters: by name.
    """

    scheme: str
    authority: str
    path: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, name: str) -> DubboURL:
        """
        Read the name of a node.

        Raises:
            ValueError: it is no URL, or over a limit.
        """
        if len(name) > MAX_NAME_CHARS:
            raise ValueError(f"the URL has {len(name)} characters, more than {MAX_NAME_CHARS}")
        url = unquote_plus(name, errors="strict")
        scheme, colon, rest = url.partition("://")
        if not colon or not SCHEME.match(scheme):
            raise ValueError(f"expected the URL of a provider, got {url[:100]!r}")
        rest, _, query = rest.partition("?")
        authority, _, path = rest.partition("/")
        return cls(scheme, authority, unquote(path, errors="strict"), _parameters(query))

    @property
    def node_name(self) -> str:
        """
        The URL as one part of a path.
        """
        pairs = sorted(self.parameters.items())
        query = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in pairs)
        return quote(f"{self.scheme}://{self.authority}/{_escaped(self.path)}?{query}", safe="")

    @property
    def address(self) -> Address:
        """
        Where the provider listens.

        Raises:
            ValueError: it has no host, or no port.
        """
        if "@" in self.authority:
            raise ValueError("the URL has a user, which is not supported")
        scheme = "tls" if self.parameters.get("ssl-enabled") == "true" else "tcp"
        address = Address.parse(f"{scheme}:{self.authority}")
        if not address.port:
            raise ValueError("the URL has the port 0")
        return address


def _parameters(query: str) -> dict[str, str]:
    pairs = query.split("&", _MAX_PARAMETERS)
    if len(pairs) > _MAX_PARAMETERS:
        raise ValueError(f"the URL has more than {_MAX_PARAMETERS} parameters")
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name:
            found[unquote(name, errors="strict")] = unquote(value, errors="strict")
    return found


def _escaped(text: str) -> str:
    return _BREAKS.sub(lambda match: f"%{ord(match[0]):02X}", text)
