"""
Where records of rules are kept: the seam of a place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from hashlib import sha256

from attrs import frozen

from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.values.rule import Scope
from rpcfw_registries.remote.paths import encoded

__all__ = [
    "FOLDER",
    "NOTHING",
    "RecordListener",
    "RecordStore",
    "Stored",
    "record_path",
    "stamp_of",
]

#: Stands below the root of a registry, beside its services. `encoded` makes no such name.
FOLDER = "!rules"

#: Called with the record of the documents, None if there is none.
RecordListener = Callable[[bytes | None], None]


@frozen
class Stored:
    """
    What is stored for one scope.

    Args:
        documents: the record that processes watch; None: there is none.
        history: the record of the last changes, empty if there is none.
        stamp: changes whenever ``documents`` does.
    """

    documents: bytes | None
    history: bytes
    stamp: str


NOTHING = Stored(None, b"", "")


class RecordStore(ABC):
    """
    Two records for each scope.

    Contract. As of `rpcfw.spi.rules.Rules`: nothing blocks, and `RegistryError` says why
    something was not done. The content of a record is no business of a store.
    """

    @property
    def trouble(self) -> str:
        """
        Why it is unreachable, in words for a person; empty if no problem is known.
        """
        return ""

    @abstractmethod
    async def read(self, scope: Scope) -> Stored:
        """
        Return what is stored, `NOTHING` if nothing is.
        """

    @abstractmethod
    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        """
        Replace both records, or none of them.

        Args:
            stamp: of what was read.

        Returns:
            False, and nothing is replaced, if something else is stored by now.
        """

    @abstractmethod
    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        """
        Call ``listener`` with the documents, soon and after each change.

        The same record may be reported again. Nothing is called before this returns.
        """


def record_path(root: str, scope: Scope) -> str:
    """
    Return the path of the record of a scope below the root of a registry.
    """
    return f"{root}/{FOLDER}/{scope.kind}/{encoded(scope.name)}"


def stamp_of(documents: bytes) -> str:
    """
    Return a stamp for places that have no versions of their own.
    """
    return sha256(documents).hexdigest()
