"""
The last good rules on disk, so that a process can start while the registry is unreachable.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec
from twisted.logger import Logger

from rpcfw.app.rules.documents import KINDS
from rpcfw.cluster.snapshot_folder import SnapshotFolder
from rpcfw.spi.runtime.clock import Threads
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Document, RuleSet, Scope

__all__ = ["RuleSnapshots"]

#: As JSON, a character of a document may take six bytes.
_MAX_BYTES = len(KINDS) * 6 * MAX_DOCUMENT_BYTES + 4096

#: Below the folder of the lists of instances.
_FOLDER = "rules"


class _Record(msgspec.Struct):
    """
    What a file holds.
    """

    kind: str
    name: str
    version: int
    documents: list[Document]


class RuleSnapshots:
    """
    One file for each scope, with its documents.

    A document that is read is as little trusted as one of the registry: it is checked by
    whoever puts it in use.

    Args:
        folder: that of the lists of instances.
        threads: file work runs in one.
    """

    log = Logger()

    def __init__(self, folder: str, threads: Threads) -> None:
        self._folder = SnapshotFolder(Path(folder) / _FOLDER, ".json", threads, _MAX_BYTES)

    async def load(self, scope: Scope) -> RuleSet | None:
        """
        Return the documents that were last saved; None if they cannot be had.
        """
        return await self._folder.load(str(scope), partial(self._read, scope))

    def save(self, scope: Scope, version: int, documents: Mapping[str, Document]) -> None:
        """
        Keep the documents that are in use, soon.
        """
        record = _Record(scope.kind, scope.name, version, [*documents.values()])
        self._folder.save(str(scope), partial(msgspec.json.encode, record), "the last rules of")

    def _read(self, scope: Scope, content: bytes) -> RuleSet | None:
        try:
            record = msgspec.json.decode(content, type=_Record)
        except (ValueError, RecursionError) as error:
            self.log.warn(
                "the snapshot of the rules of {scope} is not used: {reason}",
                scope=str(scope),
                reason=str(error),
            )
            return None
        if Scope(record.kind, record.name) != scope:
            return None
        known = {each.kind: each for each in record.documents if each.kind in KINDS}
        return RuleSet(scope, record.version, known)
