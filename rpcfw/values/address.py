"""
Where a peer listens: a TCP host and port, a Unix path, or a name in this process.

Text form: ``tcp:10.0.0.5:2200``, ``tcp:[::1]:2200``, ``tls:host:2200`` for TCP with
TLS, ``unix:/run/app.sock``, ``memory:name``. ``10.0.0.5:2200`` alone means TCP.
``tls:orders.example.com:443@10.0.0.5`` is a name that was looked up.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys

from attrs import frozen

from rpcfw.printable import is_plain, printable

__all__ = ["Address"]

# No blanks and nothing unprintable: addresses come from registries and reach logs.
_HOST = re.compile(r"[^\s\[\]/]+\Z")
_PORT = re.compile(r"[0-9]{1,5}\Z")
#: Of a host or a name: a name in DNS has 253.
_MAX_HOST_CHARS = 256
#: Of a Unix path, without the zero behind it (unix(7)).
_MAX_PATH_BYTES = 107 if sys.platform == "linux" else 103
#: Of what is no address, an error shows so much.
_MAX_SHOWN_CHARS = 300


@frozen
class Address:
    """
    An address to listen at or to connect to.

    Args:
        scheme: ``tcp``, ``tls``, ``unix`` or ``memory``.
        host: host name or IP address for tcp and tls, path for unix, name for memory.
        port: 0 to 65535 for tcp and tls (0: any free one, for listening), else 0.
        at: IP address at which the host is, if it was looked up. That is connected to;
            TLS and authority still go by the host.
    """

    scheme: str
    host: str
    port: int = 0
    at: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        Read the text form.

        Raises:
            ValueError: it is none; the message says what was expected.
        """
        scheme, _, rest = text.strip().partition(":")
        if "://" in text:
            raise ValueError(_no_url(text))
        if scheme in ("unix", "memory"):
            reason = _path_problem(rest) if scheme == "unix" else _name_problem(rest)
            if reason:
                raise ValueError(f"{_shown(text)} {reason}")
            return cls(scheme, rest)
        if scheme not in ("tcp", "tls"):
            scheme, rest = "tcp", text.strip()
        rest, sign, at = rest.partition("@")
        host, colon, port = rest.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(
                f"{_shown(text)}: an IPv6 address needs brackets, as in tcp:[::1]:2200"
            )
        if not colon or not _is_host(host) or not _PORT.match(port) or int(port) > 65535:
            raise ValueError(
                f"{_shown(text)} is no address: {_why(host, colon, port)}; "
                "expected tcp:HOST:PORT, tls:HOST:PORT, unix:/PATH or memory:NAME"
            )
        if sign and not _is_ip(at):
            raise ValueError(f"{_shown(text)}: after the @ there must be an IP address")
        return cls(scheme, host, int(port), at)

    @property
    def authority(self) -> str:
        """
        Host and port as in a URL; empty for what has none.
        """
        if self.scheme in ("unix", "memory"):
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """
        Whether it is reached over TLS.
        """
        return self.scheme == "tls"

    def __str__(self) -> str:
        at = f"@{self.at}" if self.at else ""
        return f"{self.scheme}:{self.authority or self.host}{at}"


def _no_url(text: str) -> str:
    """
    Return what to write for a URL.
    """
    scheme, _, rest = text.strip().partition("://")
    if scheme == "unix":
        meant = f"unix:{rest}"
    else:
        kind = "tls" if scheme in ("https", "grpcs", "tls", "ssl") else "tcp"
        meant = f"{kind}:{rest.partition('/')[0]}"
    return f"{_shown(text)} is a URL, and no address; did you mean {_shown(meant)[1:-1]}?"


def _why(host: str, colon: str, port: str) -> str:
    """
    Return what is missing in HOST:PORT, or wrong.
    """
    if not colon:
        return "it has no port"
    if not host:
        return "it has no host"
    if len(host) > _MAX_HOST_CHARS:
        return f"its host has more than {_MAX_HOST_CHARS} characters"
    if not _is_host(host):
        return "its host has characters that no host has"
    if not _PORT.match(port) or int(port) > 65535:
        return (
            f"{_shown(port)} is no port, which is a number up to 65535"
            if port
            else "it has no port"
        )
    return ""


def _name_problem(name: str) -> str:
    if not name:
        return "names no name"
    if not _is_plain(name):
        return "has characters that cannot be printed"
    long = len(name) > _MAX_HOST_CHARS
    return f"has a name of more than {_MAX_HOST_CHARS} characters" if long else ""


def _path_problem(path: str) -> str:
    if not path:
        return "names no path"
    if not _is_plain(path):
        return "has characters that cannot be printed"
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        return f"has a path of more than {_MAX_PATH_BYTES} bytes, which no Unix socket can have"
    return ""


def _is_plain(text: str) -> bool:
    return text.isprintable() and is_plain(text)


def _is_host(text: str) -> bool:
    return len(text) <= _MAX_HOST_CHARS and bool(_HOST.match(text)) and _is_plain(text)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return _is_host(text)  # the zone after its % is not checked


def _shown(text: str) -> str:
    """
    Return a text as an error may have it: it may be of any length, and have any characters.
    """
    if len(text) > _MAX_SHOWN_CHARS:
        text = f"{text[:_MAX_SHOWN_CHARS]}..."
    return printable(repr(text))
