"""
Where instances are announced, as the reconciler sees it: the seam of a registry.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from attrs import frozen

from rpcfw.errors import RegistryError

__all__ = ["Change", "InstanceStore", "Key", "TryAgain"]

#: Service and id of an instance.
Key = tuple[str, str]


class TryAgain(RegistryError):
    """
    It was not done, or nobody knows whether it was. It may be done next time.
    """


@frozen
class Change:
    """
    What a store shall hold for one instance.

    Args:
        key: whose.
        record: what it says; None: it shall not be there.
        asked: somebody has just announced or withdrawn it. Otherwise the store only
            looks whether what it holds is still so, and puts it right.
    """

    key: Key
    record: bytes | None
    asked: bool


class InstanceStore(ABC):
    """
    What a registry plugin writes for `rpcfw_registries.remote.reconciler.Reconciler`.

    Contract. The reconciler calls `open`, `renew`, `write` and `clean_up` from one
    coroutine, one at a time. The store talks to its server and knows leases, sessions
    and paths. It does not keep the list of instances, does not wait before it tries
    again, and does not log failures that it raises: those are the reconciler's work.

    A method that fails raises `TryAgain`, or another RegistryError if the server has
    refused for good, that is, until a person changes something.
    """

    #: The most changes that are handed to `write` at once.
    max_changes: int = 100
    #: A longer record is refused before it is sent.
    max_record_bytes: int = sys.maxsize

    @property
    def renew_at(self) -> float:
        """
        When `renew` is due next, in the reactor's time.
        """
        return math.inf

    @property
    @abstractmethod
    def away(self) -> bool:
        """
        Whether no server can be asked now. Nobody waits for a withdrawal then.
        """

    @abstractmethod
    async def open(self) -> None:
        """
        Return once a server may be asked. Delays between tries to connect belong here.
        """

    async def renew(self, keys: Sequence[Key]) -> Collection[Key]:
        """
        Renew the lease, if there is one, and return those that must be written again.

        Args:
            keys: of all instances that are believed to be in the store.
        """
        return ()

    @abstractmethod
    async def write(self, changes: Sequence[Change]) -> Sequence[RegistryError | None]:
        """
        Write the first of ``changes``: as many as fit into one request.

        Return a result for each of them, in order: None once it is done, `TryAgain`,
        or another RegistryError if it was refused for good. An empty list means that
        the lease is gone: `renew` is then called first, so ``renew_at`` must be due.
        """

    async def clean_up(self) -> None:  # noqa: B027 - optional
        """
        Remove what is no longer needed. Called when there is nothing to write.
        """

    @abstractmethod
    async def end(self, keys: Sequence[Key]) -> None:
        """
        Take everything back, quickly, since the process stops. Does not raise.

        Args:
            keys: of all instances that may be in the store.
        """

    @abstractmethod
    def lost(self) -> None:
        """
        Learn that the connection was lost. What is known of the lease is in doubt.
        """
