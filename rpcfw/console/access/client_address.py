"""
The address of a client behind proxies: that of X-Forwarded-For, or of Forwarded (RFC 7239).

Each proxy adds to the right the address that its connection comes from. So the list is read from
the right, and only as long as the address that was found is that of a trusted proxy: it has added
what stands to its left. Anything further left may have been written by the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address

from rpcfw.console.http.messages import WebRequest
from rpcfw.console.options import ConsoleOptions
from rpcfw.values.peer_host import ip_of

__all__ = ["ClientAddresses"]

_IP = IPv4Address | IPv6Address

#: Proxies one behind the other. Further ones are not looked for.
_MAX_PROXIES = 10
#: RFC 7239, section 6: an IPv6 address is in brackets. A port may follow, or a name for one.
_NODE = re.compile(
    r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?", re.ASCII
)
#: Section 4: a token, or a text in quotes. No address has a comma, so here no text may have one.
_PAIR = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([^\s,;\"=]+|\"[^\",]*\")", re.ASCII)


class ClientAddresses:
    """
    Finds out where requests come from.
    """

    def __init__(self, options: ConsoleOptions) -> None:
        self._header = options.address_header.lower()
        self._proxies = frozenset(map(ip_of, options.trusted_proxies))
        self._read: Callable[[str], _IP | None] = (
            _in_forwarded if self._header == "forwarded" else _in_list
        )

    def of(self, request: WebRequest) -> str:
        """
        Return the address of the client; that of the last known proxy if it does not say.
        """
        ip = ip_of(request.peer)
        if not self._header or not self._is_proxy(ip):
            return request.peer
        for text in _from_the_right(request.headers.get(self._header, ())):
            before = self._read(text.strip(" \t"))
            if before is None:
                break
            ip = before
            if not self._is_proxy(ip):
                break
        return str(ip)

    def _is_proxy(self, ip: _IP | None) -> bool:
        return ip is not None and ip in self._proxies


def _from_the_right(lines: Sequence[str]) -> list[str]:
    """
    Return the last members of a list. Several lines are one list (RFC 9110, section 5.3).
    """
    return ",".join(lines).rsplit(",", _MAX_PROXIES)[-_MAX_PROXIES:][::-1] if lines else []


def _in_list(text: str) -> _IP | None:
    """
    Read a member of X-Forwarded-For: an address, which may have a port.
    """
    # Without brackets there is no port: nobody could say where it begins.
    return _strict(text) if text.count(":") > 1 and "[" not in text else _of_node(text)


def _in_forwarded(text: str) -> _IP | None:
    """
    Read an element of Forwarded: pairs, each at most once, one of which is ``for``.

    Between two semicolons there may be none (section 4).
    """
    found: dict[str, str] = {}
    for part in filter(None, (each.strip(" \t") for each in text.split(";"))):
        pair = _PAIR.fullmatch(part)
        if pair is None or pair[1].lower() in found:
            return None
        found[pair[1].lower()] = pair[2].strip('"')
    return _of_node(found.get("for", ""))


def _of_node(text: str) -> _IP | None:
    """
    Read an address with or without a port; None for ``unknown`` and names (section 6.3).
    """
    node = _NODE.fullmatch(text)
    return None if node is None else _strict(node[1] or node[2])


def _strict(text: str) -> _IP | None:
    """
    Return the address of a text. A zone means nothing on another machine.
    """
    return None if "%" in text else ip_of(text)
