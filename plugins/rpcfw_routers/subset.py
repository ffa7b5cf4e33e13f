"""
Subset: each client uses a few of many instances, so that connections stay few.

Theory of operation. With *c* clients and *n* instances, all to all is c × n connections.
Here each client uses *size* instances. They stand in an order that is the same for all
clients (by a hash of their ids), as on a ring. The client with number *i* of *c* begins at
the instance ``floor(i × n ÷ c)`` and takes the next *size*. Clients begin at even distances,
so each instance has ``c × size ÷ n`` clients, give or take one. When one instance comes or
goes, each client changes one or two of its instances. This is the deterministic aperture of
Finagle, with whole instances for parts of them.

A client that has no number begins at a random place. Then instances have that many clients
only on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.router import Reasons, Router
from rpcfw.values.call import Call

__all__ = ["SubsetRouter"]

#: More than anybody runs.
_MAX_CLIENTS = 1_000_000


@options
class SubsetOptions:
    """
    What the INI may say.
    """

    size: int = option("20", "number of instances that this process uses")
    client: int | None = option(
        "", "number of this process among its fellows, from 0; empty: a random place"
    )
    clients: int | None = option("", "number of processes that call the service like this one")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find sizes of nothing, and a place that is on no ring.
        """
        if self.size < 1:
            yield "size", f"must be at least 1, not {self.size}"
        if (self.client is None) != (self.clients is None):
            yield "client", "set client and clients, or none of them"
        elif self.clients is not None and not 1 <= self.clients <= _MAX_CLIENTS:
            yield "clients", f"must be between 1 and {_MAX_CLIENTS}, not {self.clients}"
        elif self.client is not None and self.clients and not 0 <= self.client < self.clients:
            yield "client", f"must be between 0 and {self.clients - 1}, not {self.client}"


class SubsetRouter(Router):
    """
    Leaves ``size`` of the instances that can take calls, the same ones as long as they exist.

    Drained and unreachable instances on the way are left too, and do not count.
    """

    Options: ClassVar[type] = SubsetOptions
    options: SubsetOptions
    limits_connections: ClassVar[bool] = True

    @cached_property
    def place(self) -> Fraction:
        """
        Where this client begins on the ring, as a fraction, so that it is exact.
        """
        if self.options.client is not None and self.options.clients is not None:
            return Fraction(self.options.client, self.options.clients)
        # Drawn when it is first needed, since the children of a program that makes its
        # application before it forks should begin at places of their own.
        return Fraction(self.plugin_context.random.random())

    def take_over(self, before: Any) -> None:
        if self.options.client is None:
            self.place = before.place

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        size, count = self.options.size, len(candidates)
        if count <= size:
            return candidates
        ring = sorted(candidates, key=_position)
        start = int(self.place * count)
        chosen: set[int] = set()
        missing = size
        for one in (*ring[start:], *ring[:start]):
            if not missing:
                break
            chosen.add(id(one))
            missing -= one.weight > 0 and one.reachable
        return [one for one in candidates if id(one) in chosen]

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        step = f"size is {self.options.size}"
        if self.options.client is not None:
            step += f", for client {self.options.client} of {self.options.clients}"
        return Reasons(step, lambda one: "it is not in the subset of this client")


def _position(candidate: Candidate) -> bytes:
    name = candidate.instance.id.encode(errors="surrogatepass")
    return blake2b(name, digest_size=8).digest() + name
