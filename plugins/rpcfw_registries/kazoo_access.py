"""
What kazoo is told of the servers, of us, and of time.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from kazoo.security import CREATOR_ALL_ACL, READ_ACL_UNSAFE

__all__ = ["Access", "Pace"]


@frozen
class Access:
    """
    Where the servers are and who we are to them.

    Args:
        hosts: ``host:port`` each.
        user: for digest authentication, empty for none.
        public: whether anyone may read what an authenticated user writes.
        tls: kazoo's TLS arguments, empty for plain TCP.
    """

    hosts: tuple[str, ...]
    user: str = ""
    password: str = ""
    public: bool = False
    tls: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"Access(hosts={self.hosts}, user={self.user!r})"

    def arguments(self) -> dict[str, Any]:
        """
        Return what kazoo wants to be told of this.
        """
        arguments: dict[str, Any] = {"hosts": ",".join(self.hosts), **dict(self.tls)}
        if self.user:
            arguments["auth_data"] = [("digest", f"{self.user}:{self.password}")]
            readers = READ_ACL_UNSAFE if self.public else []
            arguments["default_acl"] = [*CREATOR_ALL_ACL, *readers]
        return arguments


@frozen
class Pace:
    """
    The limits in time.
    """

    session_timeout_s: float
    operation_timeout_s: float
    connect_timeout_s: float
    reconnect_most_s: float
