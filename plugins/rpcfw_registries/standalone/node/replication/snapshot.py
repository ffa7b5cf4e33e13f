"""
A copy of all registrations on disk, for a quick start.

Theory of operation. The file is written from time to time if something has changed: packed a
few buckets at a time, so that calls go on, and put in its place by a thread. A server that
starts answers with what the file has, but tells no peer of it: the file may be old. When it
has compared its copy with a peer, what the peer does not have is removed. If nobody was
there, what the file has counts as kept by servers that are lost: it is removed after
``lost_after``, unless it is announced again.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.files import read_regular, replace_file
from rpcfw.spi.runtime.waiting import sleep
from rpcfw_registries.standalone.node.catalog import Catalog, CatalogFull
from rpcfw_registries.standalone.node.replication.copy import BUCKETS, Copy
from rpcfw_registries.standalone.node.replication.messages import MAX_NAMES_BYTES, Entry, State
from rpcfw_registries.standalone.node.replication.replica import Replica

__all__ = ["Snapshot", "pack", "unpack"]

_MAGIC = b"rpcfw registry snapshot 1\n"
_DIGEST_BYTES = 32
_LENGTH_BYTES = 4
#: Packed at a time: of a full server about 3,000 entries, in a few milliseconds.
_BUCKETS_AT_ONCE = 32
_EVERY_S = 30.0
#: Entries that are decided on in one turn: some milliseconds.
_SETTLED_AT_ONCE = 1_000

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


def pack(copy: Copy) -> Iterator[bytes]:
    """
    Return the live entries of a copy in parts, each made when it is asked for.
    """
    for start in range(0, BUCKETS, _BUCKETS_AT_ONCE):
        entries = copy.entries(range(start, start + _BUCKETS_AT_ONCE))
        packed = _encode([entry for entry in entries if entry.state is State.LIVE])
        yield len(packed).to_bytes(_LENGTH_BYTES, "big") + packed


def write(path: Path, parts: list[bytes]) -> None:
    """
    Replace the file. Runs in a thread.

    Raises:
        OSError: it cannot be written.
    """
    body = b"".join(parts)
    digest = blake2b(body, digest_size=_DIGEST_BYTES).digest()
    replace_file(path, _MAGIC + digest + body)


def unpack(content: bytes, max_instances: int) -> list[Entry]:
    """
    Return what a file has.

    Raises:
        ValueError: it is damaged, or none of ours.
    """
    digest_at, at = len(_MAGIC), len(_MAGIC) + _DIGEST_BYTES
    if not content.startswith(_MAGIC):
        raise ValueError("it is no snapshot of this version")
    if (
        blake2b(memoryview(content)[at:], digest_size=_DIGEST_BYTES).digest()
        != (content[digest_at:at])
    ):
        raise ValueError("it is damaged: its hash is another one")
    entries: list[Entry] = []
    while at < len(content) and len(entries) < max_instances:
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(content[at:begin], "big")
        try:
            entries += _decode(memoryview(content)[begin:at])
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is damaged: {error}") from None
    return entries[:max_instances]


class Snapshot:
    """
    The file of one server.

    Args:
        max_instances: more are not read.
        max_bytes: of all records.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        replica: Replica,
        catalog: Catalog,
        max_instances: int,
        max_bytes: int,
        plugin_context: PluginContext,
    ) -> None:
        self._path = path
        self._replica = replica
        self._catalog = catalog
        self._max_instances = max_instances
        self._max_bytes = max_bytes + max_instances * MAX_NAMES_BYTES
        self._clock = plugin_context.clock
        self._threads = plugin_context.threads
        #: What was read, until it is known whether it still holds.
        self._read: list[Entry] = []
        #: It is being decided, or was; and it was decided on all.
        self._settling: Deferred[None] | None = None
        self._settled = False
        self._written_hash = ""
        self._due = self._clock.seconds() + _EVERY_S
        self._writing: Deferred[None] | None = None

    @property
    def loaded(self) -> bool:
        """
        Whether there is something of the file to answer with.
        """
        return bool(self._read)

    async def load(self) -> None:
        """
        Read the file into the catalog. If it cannot be used, begin with nothing.
        """
        try:
            content = await self._threads.call(read_regular, self._path, self._max_bytes)
            entries = await self._threads.call(unpack, content, self._max_instances)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self.log.warn(
                "the snapshot {path} is not used: {error}", path=str(self._path), error=str(error)
            )
            return
        for entry in entries:
            try:
                self._catalog.put(entry.service, entry.id, entry.record, entry.owner)
            except CatalogFull as error:
                self.log.warn("the rest of the snapshot is left out: {error}", error=str(error))
                break
            self._read.append(entry)
        self.log.info("read {count} instances of the snapshot", count=len(self._read))

    def settle(self, *, compared: bool) -> None:
        """
        Decide on what was read: this server is not joining any more.

        Args:
            compared: the copy has what a peer has, so the rest is old.
        """
        if self._settling is None:
            what = "deciding on the snapshot"
            self._settling = in_background(self._settle_all(compared=compared), what)

    def look(self, now: float) -> None:
        """
        Write, if it is time and something has changed.
        """
        changed = self._replica.copy.hash != self._written_hash
        if self._settled and changed and self._writing is None and now >= self._due:
            self._due = now + _EVERY_S
            self._writing = in_background(self._write(), "writing the snapshot")
            self._writing.addBoth(self._ended)

    async def close(self) -> None:
        """
        Write what has changed since.
        """
        if self._settling is not None:
            self._settling.cancel()
        if self._writing is not None:
            await self._writing
        if self._settled and self._replica.copy.hash != self._written_hash:
            await self._write()

    async def _settle_all(self, *, compared: bool) -> None:
        read, self._read = self._read, []
        for start in range(0, len(read), _SETTLED_AT_ONCE):
            if start:
                await sleep(self._clock, 0)
            self._settle(read[start : start + _SETTLED_AT_ONCE], compared=compared)
        self._settled = True

    def _settle(self, read: list[Entry], *, compared: bool) -> None:
        unknown = [each for each in read if self._replica.copy.get((each.service, each.id)) is None]
        if not compared:
            # Without what was withdrawn meanwhile.
            known = self._catalog.get
            self._replica.merge(one for one in unknown if known(one.service, one.id) is not None)
            return
        for entry in unknown:
            self._catalog.remove(entry.service, entry.id)

    def _ended(self, _: object) -> None:
        self._writing = None

    async def _write(self) -> None:
        written = self._replica.copy.hash
        parts = []
        for part in pack(self._replica.copy):
            parts.append(part)
            await sleep(self._clock, 0)
        try:
            await self._threads.call(write, self._path, parts)
        except OSError as error:
            self.log.warn(
                "the snapshot {path} cannot be written: {error}",
                path=str(self._path),
                error=str(error),
            )
            return
        self._written_hash = written
