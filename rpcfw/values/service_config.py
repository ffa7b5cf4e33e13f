"""
gRPC's service config: what its owner asks of the callers of a service, by method.

The names are those of gRPC (service_config.md, proposals A6 and A44).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from rpcfw.status import Status
from rpcfw.values.backoff import Backoff

__all__ = ["Hedging", "MethodConfig", "Retrying", "ServiceConfig", "Throttling"]


@frozen
class Retrying:
    """
    When a call is repeated.

    Args:
        max_attempts: of one call, the first among them.
        backoff: the waits between them.
        statuses: failures that are repeated, whatever the method does.
    """

    max_attempts: int
    backoff: Backoff
    statuses: frozenset[Status]


@frozen
class Hedging:
    """
    When further attempts are begun beside those that are under way.

    Args:
        max_attempts: of one call, the first among them.
        delay_s: how long each waits for those before it; 0: all begin at once.
        non_fatal: failures that do not end the call while others are under way.
    """

    max_attempts: int
    delay_s: float = 0.0
    non_fatal: frozenset[Status] = frozenset()


@frozen
class MethodConfig:
    """
    What is asked for one method. `Retrying` and `Hedging` exclude each other.

    Args:
        timeout_s: limit of a whole call; the caller's own counts if it is shorter.
        wait_for_ready: wait for somebody who serves, instead of failing at once.
    """

    timeout_s: float | None = None
    wait_for_ready: bool = False
    retrying: Retrying | None = None
    hedging: Hedging | None = None


@frozen
class Throttling:
    """
    An end of repeats on a backend that fails: see `rpcfw.values.budget`.
    """

    max_tokens: float
    token_ratio: float


_NOTHING = MethodConfig()


@frozen(eq=False)
class ServiceConfig:
    """
    One file of it.

    Args:
        by_name: by (service, method); an empty method is for all of a service that have
            none of their own, an empty service for all of every service.
        throttling: of all calls of one client.
        unused: what is in the file and means nothing here.
    """

    by_name: Mapping[tuple[str, str], MethodConfig] = field(factory=dict)
    throttling: Throttling | None = None
    unused: tuple[str, ...] = ()

    def of(self, service: str, method: str) -> MethodConfig:
        """
        Return what is asked for a method: by its own name, its service's, or none.
        """
        for name in ((service, method), (service, ""), ("", "")):
            found = self.by_name.get(name)
            if found is not None:
                return found
        return _NOTHING
