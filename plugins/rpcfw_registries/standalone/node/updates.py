"""
Changes of a catalog, cut into messages for a watch.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rpcfw_registries.standalone.messages import MAX_PER_MESSAGE, Update
from rpcfw_registries.standalone.node.catalog import Changes

__all__ = ["updates_of"]

#: Records are sent in messages of about this size, far below any limit on messages.
_MESSAGE_BYTES = 256 << 10


def updates_of(changes: Changes, epoch: str, behind: str = "") -> Iterator[Update]:
    """
    Cut changes into messages.

    The first says whether to forget, the last what is gone and that this was all.
    """
    parts = list(_parts(changes.put)) or [[]]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        yield Update(
            epoch=epoch,
            number=changes.number,
            complete=changes.complete and index == 0,
            more=not last,
            put=part,
            gone=list(changes.gone) if last else [],
            behind=behind,
        )


def _parts(records: tuple[bytes, ...]) -> Iterator[list[msgspec.Raw]]:
    part: list[msgspec.Raw] = []
    size = 0
    for record in records:
        if part and (len(part) == MAX_PER_MESSAGE or size + len(record) > _MESSAGE_BYTES):
            yield part
            part, size = [], 0
        part.append(msgspec.Raw(record))
        size += len(record)
    if part:
        yield part
