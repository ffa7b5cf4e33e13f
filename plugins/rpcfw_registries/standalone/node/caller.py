"""
Who calls a registry server.
"""

from __future__ import annotations

from attrs import field, frozen

from rpcfw.values.call import serving
from rpcfw.values.peer_host import host_of, network_of

__all__ = ["MAX_PROVED", "MAX_PROVED_CHARS", "Caller", "current_caller"]

#: Of the names of one caller, as the servers of a group send them to each other.
MAX_PROVED = 16
MAX_PROVED_CHARS = 256


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
        proved: the names that the other servers of a group know it by, cut to their limits.
            Empty if it has proved nothing: its address may differ from server to server.
    """

    names: tuple[str, ...] = ()
    host: str = ""
    peer: str = ""
    key: tuple[str, ...] = field(init=False)
    proved: tuple[str, ...] = field(init=False)
    _all: frozenset[str] = field(init=False)

    @key.default
    def _its_key(self) -> tuple[str, ...]:
        return self.names or (_place(self.host),)

    @proved.default
    def _its_proved_names(self) -> tuple[str, ...]:
        return _cut(self.names)

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

    def has_proved(self, names: tuple[str, ...]) -> bool:
        """
        Tell whether this caller has all names that another has `proved`, perhaps elsewhere.
        """
        if not names or names == self.proved:
            return True
        return {name[:MAX_PROVED_CHARS] for name in self.names}.issuperset(names)


def _cut(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:MAX_PROVED_CHARS] for name in names[:MAX_PROVED])


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
