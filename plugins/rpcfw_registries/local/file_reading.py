"""
The file of the file registry: when to read it, and what it says.

All of this runs in a thread, so it knows no reactor and logs nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from attrs import frozen

from rpcfw.spi.runtime.files import open_regular
from rpcfw.values.instance import Instance, instance_from_json
from rpcfw_registries.local.lines import (
    Mistakes,
    instance_from_words,
    instance_of_address,
    instances_from_lines,
)

__all__ = ["Reading", "Stamp", "read_file", "read_text"]

#: What tells one state of a file from the next. A file put in place of another
#: by renaming differs in its inode, however quickly it was done.
Stamp = tuple[int, int, int]

_decode = msgspec.json.Decoder(dict[str, list[msgspec.Raw]]).decode


@frozen
class Reading:
    """
    What was read.

    Args:
        stamp: the state of the file that it was read from.
        mistakes: one sentence for each record that was skipped, of the first 1,000.
    """

    stamp: Stamp
    services: dict[str, list[Instance]]
    mistakes: tuple[str, ...]


def read_file(path: Path, last: Stamp | None, limit_bytes: int) -> Reading | None:
    """
    Read the file, unless it is still as it was at ``last``.

    Raises:
        OSError: it cannot be opened or read.
        ValueError: it is too large, or no list of instances at all.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp == last:
            return None
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ValueError(f"it is larger than max_bytes = {limit_bytes}B")
    services, mistakes = read_text(content.decode("utf-8", "strict"))
    return Reading(stamp, services, tuple(mistakes))


def read_text(text: str) -> tuple[dict[str, list[Instance]], list[str]]:
    """
    Read JSON if it begins with a brace, else one service a line.

    Raises:
        ValueError: it is neither.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    services, mistakes = instances_from_lines(text)
    if mistakes and not services:
        raise ValueError(f"it is neither JSON nor one service on each line: {mistakes[0]}")
    return services, mistakes


def _from_json(text: str) -> tuple[dict[str, list[Instance]], list[str]]:
    try:
        lists = _decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f'it is not JSON like {{"demo.Greeter": [...]}}: {error}') from None
    services: dict[str, list[Instance]] = {}
    mistakes = Mistakes()
    for service, records in lists.items():
        found: dict[str, Instance] = {}
        for record in records:
            try:
                instance = _from_record(service, bytes(record))
            except ValueError as error:
                mistakes.add(f"{service}: {error}")
            else:
                found[instance.id] = instance
        services[service] = list(found.values())
    return services, mistakes.is_known


def _from_record(service: str, record: bytes) -> Instance:
    """
    Read one record: text as in the line form, or an object as registries store.

    Service and id may be left out of an object.
    """
    value = msgspec.json.decode(record)
    if isinstance(value, str):
        return instance_from_words(service, value)
    if not isinstance(value, dict) or not isinstance(value.get("address"), str):
        raise ValueError(  # noqa: TRY004 - of what a file says, not of an argument
            f"expected an object with an address, or text, not {record[:60]!r}"
        )
    value.setdefault("id", instance_of_address(service, value["address"]).id)
    value["service"] = service
    return instance_from_json(msgspec.json.encode(value))
