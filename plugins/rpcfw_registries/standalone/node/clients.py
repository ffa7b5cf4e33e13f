"""
What each client of a registry server has there, and how much of it one may have.

Theory of operation. A client is who has proved the same names, or else who calls from the same
address. What is announced is held by the client that announced it: no other can replace or
withdraw it while its lease lasts. The counts of a client go when it has nothing more there and
has changed nothing lately, so their number is bounded by what the server holds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Literal

from attrs import define, field, frozen

from rpcfw.errors import Overloaded
from rpcfw_registries.standalone.messages import Key
from rpcfw_registries.standalone.node.caller import Caller

__all__ = ["ClientLimits", "Clients", "Holder", "LimitReached", "Opened"]

#: So much time of changes may come at once: a fleet announces all when it starts.
_BURST_S = 60.0
#: Clients that hold nothing and are remembered for their changes.
_MAX_IDLE = 10_000

#: What a client has open, as its option is named: ``max_client_watches``, ``max_client_streams``.
Opened = Literal["watches", "streams"]


class LimitReached(Exception):
    """
    A client has as much as one may have. The message names the limit.
    """


@frozen
class ClientLimits:
    """
    What one client may have.

    Args:
        services: that its instances are of.
        instances: announced at once.
        total_bytes: of the records of those.
        watches: open at once, each of one service, or of the rules of one.
        streams: of its consumers, each with the watches of one process.
        changes_per_s: instances and rules put, on average of a minute.
    """

    services: int
    instances: int
    total_bytes: int
    watches: int
    streams: int
    changes_per_s: float


@frozen
class Holder:
    """
    By whom an instance is announced, and in how many bytes.
    """

    key: tuple[str, ...]
    size: int


@define(eq=False)
class _Client:
    #: How many instances it has of each service.
    services: Counter[str] = field(factory=Counter)
    instances: int = 0
    total_bytes: int = 0
    opened: Counter[Opened] = field(factory=Counter)
    #: When all that it has changed is paid for by time.
    paid_at: float = 0.0


_NOBODY = _Client()


class Clients:
    """
    The clients of one registry server.

    Args:
        limits: for each of them.
        seconds: what time it is.
    """

    def __init__(self, limits: ClientLimits, seconds: Callable[[], float]) -> None:
        self._limits = limits
        self._seconds = seconds
        self._max_opened: dict[Opened, int] = {"watches": limits.watches, "streams": limits.streams}
        self._by_key: dict[tuple[str, ...], _Client] = {}
        #: Those of them that hold nothing, the one that lost its last first.
        self._idle: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._holders: dict[Key, Holder] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def holder(self, key: Key) -> Holder | None:
        """
        Return who holds an instance.
        """
        return self._holders.get(key)

    def check_changes(self, caller: Caller) -> None:
        """
        See that a client may change something now.

        Raises:
            Overloaded: it has changed too much lately.
        """
        client = self._by_key.get(caller.key)
        late_s = -_BURST_S if client is None else client.paid_at - self._seconds() - _BURST_S
        if late_s > 0:
            raise Overloaded(
                f"this client changes more than max_client_changes = "
                f"{self._limits.changes_per_s:g}/s of this registry server",
                retry_after_s=late_s,
            )

    def count_change(self, caller: Caller) -> None:
        """
        Note a change of an instance or of rules.
        """
        client = self._client(caller.key)
        client.paid_at = max(client.paid_at, self._seconds()) + 1 / self._limits.changes_per_s
        self._settle(caller.key)

    def check_size(self, caller: Caller, key: Key, size: int) -> None:
        """
        See that a client may hold an instance with a record of this size.

        Raises:
            LimitReached: it would have too much.
        """
        limits, client = self._limits, self._by_key.get(caller.key, _NOBODY)
        former = self._holders.get(key)
        own = former if former is not None and former.key == caller.key else None
        grown = size - (own.size if own else 0)
        if key[0] not in client.services and len(client.services) >= limits.services:
            raise LimitReached(
                f"this client has its limit of max_client_services = {limits.services}"
            )
        if own is None and client.instances >= limits.instances:
            raise LimitReached(
                f"this client has its limit of max_client_instances = {limits.instances}"
            )
        if grown > 0 and client.total_bytes + grown > limits.total_bytes:
            raise LimitReached(
                f"this client has its limit of max_client_bytes = {limits.total_bytes} bytes"
            )

    def hold(self, caller: Caller, key: Key, size: int) -> None:
        """
        Give an instance to a client, in the place of who held it.
        """
        self.release(key)
        client = self._client(caller.key)
        client.services[key[0]] += 1
        client.instances += 1
        client.total_bytes += size
        self._holders[key] = Holder(caller.key, size)
        self._settle(caller.key)

    def release(self, key: Key) -> None:
        """
        Note that an instance is gone.
        """
        holder = self._holders.pop(key, None)
        if holder is not None:
            client = self._by_key[holder.key]
            client.services[key[0]] -= 1
            if not client.services[key[0]]:
                del client.services[key[0]]
            client.instances -= 1
            client.total_bytes -= holder.size
            self._settle(holder.key)

    def add(self, caller: Caller, what: Opened) -> None:
        """
        Count something that a client has opened, until `remove`.

        Raises:
            Overloaded: the client has too many.
        """
        client, limit = self._client(caller.key), self._max_opened[what]
        if client.opened[what] >= limit:
            self._settle(caller.key)
            raise Overloaded(f"this client has its limit of max_client_{what} = {limit}")
        client.opened[what] += 1
        self._settle(caller.key)

    def remove(self, caller: Caller, what: Opened) -> None:
        """
        Note that something has ended.
        """
        self._by_key[caller.key].opened[what] -= 1
        self._settle(caller.key)

    def _client(self, key: tuple[str, ...]) -> _Client:
        client = self._by_key.get(key)
        if client is None:
            client = self._by_key[key] = _Client()
        return client

    def _settle(self, key: tuple[str, ...]) -> None:
        """
        Forget clients that have nothing here, and whose changes are long ago.
        """
        client = self._by_key[key]
        self._idle.pop(key, None)
        if client.instances or any(client.opened.values()):
            return
        self._idle[key] = None
        now = self._seconds()
        while self._idle:
            oldest = next(iter(self._idle))
            if self._by_key[oldest].paid_at > now and len(self._idle) <= _MAX_IDLE:
                return
            del self._idle[oldest], self._by_key[oldest]
