"""
The last good list of a service on disk, so that a client can start without a registry.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path

from twisted.logger import Logger

from rpcfw.cluster.snapshot_folder import SnapshotFolder
from rpcfw.spi.runtime.clock import Threads
from rpcfw.values.instance import Instance, instance_from_json, instance_to_json

__all__ = ["SnapshotFile"]

_MAX_BYTES = 64 << 20
#: Lines that are no records. A file with so many is no snapshot; what it has is left.
_MAX_MISTAKES = 10_000


class SnapshotFile:
    """
    One folder; in it a file for each service, an instance record to a line.

    What it reads is as little trusted as a registry: a file that is too large, is not a
    regular file or belongs to somebody else is not read, and a line that is no record is
    skipped. What it writes is readable by its owner alone.

    Args:
        folder: made if it is not there.
        threads: file work runs in one.
    """

    log = Logger()

    def __init__(self, folder: str, threads: Threads) -> None:
        self._folder = SnapshotFolder(Path(folder), ".jsonl", threads, _MAX_BYTES)

    async def load(self, service: str) -> tuple[Instance, ...]:
        """
        Return what was last saved; nothing if it cannot be had.
        """
        found = await self._folder.load(service, partial(_records, service))
        if found is None:
            return ()
        instances, mistakes = found
        if mistakes:
            self.log.warn(
                "{count} lines of the snapshot {path} are skipped; the first is {first}",
                count=f"{len(mistakes)}{' or more' * (len(mistakes) == _MAX_MISTAKES)}",
                path=str(self._folder.path(service)),
                first=mistakes[0],
            )
        return instances

    def save(self, service: str, instances: tuple[Instance, ...]) -> None:
        """
        Keep a list, soon; one that comes while another is written replaces it after.
        """
        self._folder.save(service, partial(_lines, instances), "the last list of")


def _lines(instances: tuple[Instance, ...]) -> bytes:
    return b"".join([instance_to_json(instance) + b"\n" for instance in instances])


def _records(service: str, content: bytes) -> tuple[tuple[Instance, ...], list[str]]:
    """
    Return the records of a service, and what is wrong with the lines that hold none.
    """
    instances: list[Instance] = []
    mistakes: list[str] = []
    # At line feeds alone: other ends of lines may be in a record.
    for number, line in enumerate(BytesIO(content), 1):
        try:
            instance = instance_from_json(line)
        except ValueError as error:
            mistakes.append(f"line {number}: {error}")
            if len(mistakes) == _MAX_MISTAKES:
                break
        else:
            if instance.service == service:
                instances.append(instance)
    return tuple(instances), mistakes
