"""
The last good list of a service on disk, so that a client can start without a registry.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from twisted.logger import Logger

from rpcfw.spi.runtime.clock import Threads
from rpcfw.spi.runtime.files import read_regular, replace_file
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
        self._folder = Path(folder)
        self._threads = threads
        self._saving: set[str] = set()
        self._newest: dict[str, tuple[Instance, ...]] = {}

    async def load(self, service: str) -> tuple[Instance, ...]:
        """
        Return what was last saved; nothing if it cannot be had.
        """
        return await self._threads.call(self._read, service, self._path(service))

    def save(self, service: str, instances: tuple[Instance, ...]) -> None:
        """
        Keep a list, soon; one that comes while another is written replaces it after.
        """
        self._newest[service] = instances
        if service not in self._saving:
            self._saving.add(service)
            self._write_newest(service)

    def _write_newest(self, service: str) -> None:
        instances = self._newest.pop(service)
        lines = b"".join([instance_to_json(instance) + b"\n" for instance in instances])
        writing = self._threads.call(self._write, self._path(service), lines)
        writing.addErrback(
            lambda failure: self.log.warn(
                "the last list of {service} could not be kept: {reason}",
                service=service,
                reason=failure.getErrorMessage(),
            )
        )
        writing.addBoth(self._wrote, service)

    def _wrote(self, _: object, service: str) -> None:
        if service in self._newest:
            self._write_newest(service)
        else:
            self._saving.discard(service)

    def _path(self, service: str) -> Path:
        return self._folder / f"{quote(service, safe='')}.jsonl"

    def _read(self, service: str, path: Path) -> tuple[Instance, ...]:
        try:
            content = read_regular(path, _MAX_BYTES, ours=True)
        except FileNotFoundError:
            return ()
        except OSError as error:
            reason = error.strerror
            self.log.warn(
                "the snapshot {path} is not used: {reason}", path=str(path), reason=reason
            )
            return ()
        instances, mistakes = _records(service, content)
        if mistakes:
            self.log.warn(
                "{count} lines of the snapshot {path} are skipped; the first is {first}",
                count=f"{len(mistakes)}{' or more' * (len(mistakes) == _MAX_MISTAKES)}",
                path=str(path),
                first=mistakes[0],
            )
        return instances

    @staticmethod
    def _write(path: Path, lines: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, lines)


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
