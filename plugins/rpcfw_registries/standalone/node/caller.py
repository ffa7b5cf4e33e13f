"""
Who calls a registry server.
"""

from __future__ import annotations

from attrs import field, frozen

from rpcfw.values.call import serving
from rpcfw.values.peer_host import host_of, network_of

__all__ = ["Caller", "current_caller"]


@frozen
class Caller:
    """
    Who calls. It is made once for a call, which may announce hundreds of instances.

    Args:
        names: that it has proved, by its certificate or by what it sends with each call.
        host: its IP address; empty if it is on this machine, over a Unix socket.
        peer: its address and port, to show.

    Attributes:
        key: what its limits are counted by: the names that it has proved, or else its address.
            That is one for all callers of one IPv6 /64.
    """

    names: tuple[str, ...] = ()
    host: str = ""
    peer: str = ""
    key: tuple[str, ...] = field(init=False)
    _all: frozenset[str] = field(init=False)

    @key.default
    def _its_key(self) -> tuple[str, ...]:
        return self.names or (_place(self.host),)

    @_all.default
    def _all_names(self) -> frozenset[str]:
        return frozenset((*self.names, _place(self.host)))

    def is_also(self, key: tuple[str, ...]) -> bool:
        """
        Tell whether this caller has all names of another: then it may do what that may.

        One that has proved nothing is known by its address, so that a process may go on where
        a former one on the same machine has ended.
        """
        return key == self.key or self._all.issuperset(key)


def _place(host: str) -> str:
    """
    Return an address as a name.
    """
    return f"host:{network_of(host)}"


def current_caller() -> Caller:
    """
    Return who makes the call that the running code serves.
    """
    call = serving.get()
    if call is None:
        return Caller()
    return Caller(call.identity.names, host_of(call.peer), call.peer)
