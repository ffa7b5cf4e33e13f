"""
A listening socket that another process opened and handed to this one.

Text form, as in ``[server] listen``: ``fd:3`` for a file descriptor by its
number; ``systemd:NAME`` for the sockets of that name that systemd passed on (socket
activation, sd_listen_fds(3)). With ``tls+`` before it the connections are under TLS.
"""

from __future__ import annotations

import re
from typing import Annotated

from attrs import frozen

from rpcfw.values.address import Address

__all__ = ["InheritedSocket", "ListenAt", "parse_listen_at"]

_NUMBER = re.compile(r"[0-9]{1,9}\Z")
#: As systemd itself has it: printable ASCII without a colon, which separates names.
_NAME = re.compile(r"[!-9;-~]{1,255}\Z")

_TLS = "tls+"


@frozen
class InheritedSocket:
    """
    Where to find a socket that listens already.

    It is no `Address`: addresses come from registries too, and no client can connect to
    a file descriptor.

    Args:
        source: ``fd`` or ``systemd``.
        name: the descriptor's number, or the name that systemd gave.
        secure: its connections are under TLS.
    """

    source: str
    name: str
    secure: bool = False

    @classmethod
    def parse(cls, text: str) -> InheritedSocket | None:
        """
        Read the text form; None for one that begins as something else.

        Raises:
            ValueError: it begins so and is none; says what was expected.
        """
        secure = text.startswith(_TLS)
        source, colon, name = text.removeprefix(_TLS).partition(":")
        if not colon or source not in ("fd", "systemd"):
            return None
        if source == "fd" and not _NUMBER.match(name):
            raise ValueError(f"{text!r}: expected the number of a file descriptor, as fd:3")
        if source == "systemd" and not _NAME.match(name):
            raise ValueError(
                f"{text!r}: expected the FileDescriptorName= of a socket unit, as systemd:rpc"
            )
        return cls(source, str(int(name)) if source == "fd" else name, secure)

    def __str__(self) -> str:
        return f"{_TLS if self.secure else ''}{self.source}:{self.name}"


#: What a server may listen at. The mark says how its text is read.
ListenAt = Annotated[Address | InheritedSocket, "listen"]


def parse_listen_at(text: str) -> Address | InheritedSocket:
    """
    Read what a server listens at.

    Raises:
        ValueError: it is neither an address nor an inherited socket.
    """
    text = text.strip()
    return InheritedSocket.parse(text) or Address.parse(text)
