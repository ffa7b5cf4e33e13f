"""
A watched file of instances: discovery by whatever writes the file.

For configuration management, mounted config maps, and scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.instance import Instance
from rpcfw.values.units import Bytes, Seconds
from rpcfw_registries.local.file_reading import Stamp, read_file
from rpcfw_registries.local.file_records import FileRecords
from rpcfw_registries.local.lines import MAX_MISTAKES
from rpcfw_registries.local.table import NO_TROUBLE, InstanceTable, Trouble, Watches
from rpcfw_registries.rules.stored import StoredRules

__all__ = ["FileOptions", "FileRegistry"]

_log = Logger()

_MIN_POLL_S = 0.01

#: How many mistakes of a file are written out in the log.
_SHOWN = 5


@options
class FileOptions:
    """
    Settings of the file registry.
    """

    path: Path = option(NO_DEFAULT, "the file: JSON, or one service on each line")
    poll_interval: Seconds = option(
        "1s", "how often to check whether the file has changed", was="poll"
    )
    max_bytes: Bytes = option("16MiB", "maximum size; a larger file is not read", was="limit")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what would look at the file without a pause.
        """
        if self.poll_interval < _MIN_POLL_S:
            yield "poll_interval", f"must be at least 10ms, not {self.poll_interval:g}s"


class FileRegistry(Registry):
    """
    Reads the instances from a file, and again when the file changes.

    A file that is gone, or cannot be read, leaves the last good list in force; it
    is logged once, and once more when it can be read again. Announcing
    and withdrawing do nothing: the file belongs to who writes it.
    """

    Options = FileOptions

    def __init__(self, options: FileOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._path = options.path
        self._table = InstanceTable(known=False)
        self._watches = Watches(plugin_context.clock, self._table, lambda: self._trouble)
        self._stamp: Stamp | None = None
        self._skipped = ""
        self._complaint = ""
        self._trouble = NO_TROUBLE
        self._announced = False
        self._polling: Deferred[None] | None = None
        folder = options.path.with_name(f"{options.path.name}.rules")
        self._rules = StoredRules(FileRecords(folder, plugin_context), plugin_context)

    def rules(self) -> StoredRules:
        """
        Return those in the folder beside the file, with ``.rules`` after the file's name.
        """
        return self._rules

    @property
    def trouble(self) -> str:
        return self._trouble.reason

    async def start(self) -> None:
        self._polling = loop_in_background(
            self._poll, f"polling {self._path}", self.plugin_context.clock
        )

    async def stop(self) -> None:
        self._watches.close()
        if self._polling is not None:
            self._polling.cancel()

    async def announce(self, instance: Instance) -> None:
        """
        Do nothing, and log that once.
        """
        if not self._announced:
            self._announced = True
            _log.info(
                "announcing is ignored: the file registry only reads {path}", path=str(self._path)
            )

    async def withdraw(self, instance: Instance) -> None:
        """
        Do nothing, likewise.
        """

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        return self._watches.open(service, listener, on_refused)

    async def services(self) -> tuple[str, ...]:
        if not self._table.known:
            raise RegistryError(self._complaint or f"{self._path} has not been read yet")
        return self._table.names()

    async def _poll(self) -> None:
        while True:
            await self._look()
            await sleep(self.plugin_context.clock, self.options.poll_interval)

    async def _look(self) -> None:
        try:
            reading = await self.plugin_context.threads.call(
                read_file, self._path, self._stamp, self.options.max_bytes
            )
        except Exception as error:  # noqa: BLE001  # no thread, no memory: it is followed on
            why = str(error) or type(error).__name__
            reason = f"{self._path} cannot be used: {why}; the last good list is kept"
            # A file that is not there yet may still be written.
            self._trouble = Trouble(reason, refused=not isinstance(error, FileNotFoundError))
            self._complain(reason)
            self._watches.check(None)
            return
        self._trouble = NO_TROUBLE
        if reading is not None:
            self._stamp = reading.stamp
            self._skipped = _skipped(self._path, reading.mistakes)
            self._table.replace(reading.services)
        # Also if it has not changed: it may have been missing in between.
        self._complain(self._skipped)

    def _complain(self, complaint: str) -> None:
        """
        Log a complaint when it changes, not at each read.
        """
        if complaint == self._complaint:
            return
        self._complaint = complaint
        if complaint:
            _log.warn("{complaint}", complaint=complaint)
        else:
            _log.info("{path} can be read again", path=str(self._path))


def _skipped(path: Path, mistakes: tuple[str, ...]) -> str:
    if not mistakes:
        return ""
    more = f" and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
    if len(mistakes) == MAX_MISTAKES:
        more += " at least"
    return f"{path}: skipped what cannot be read: {'; '.join(mistakes[:_SHOWN])}{more}"
