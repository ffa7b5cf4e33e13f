"""
Who calls a registry server.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.values.call import serving
from rpcfw.values.peer_host import host_of, network_of

__all__ = ["Caller", "current_caller"]


@frozen
class Caller:
    """
    Who calls.

    Args:
        names: that it has proved, by its certificate or by what it sends with each call.
        host: its IP address; empty if it is on this machine, over a Unix socket.
        peer: its address and port, to show.
    """

    names: tuple[str, ...] = ()
    host: str = ""
    peer: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """
        What its limits are counted by: the names that it has proved, or else its address.
        """
        return self.names or self.place

    @property
    def place(self) -> tuple[str, ...]:
        """
        Its address, as a name. It is that of all callers of one IPv6 /64.
        """
        return (f"host:{network_of(self.host)}",)

    def is_also(self, key: tuple[str, ...]) -> bool:
        """
        Tell whether this caller has all names of another: then it may do what that may.

        One that has proved nothing is known by its address, so that a process may go on where
        a former one on the same machine has ended.
        """
        return {*key} <= {*self.names, *self.place}


def current_caller() -> Caller:
    """
    Return who makes the call that the running code serves.
    """
    call = serving.get()
    if call is None:
        return Caller()
    return Caller(call.identity.names, host_of(call.peer), call.peer)
