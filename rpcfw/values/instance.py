"""
Instances: what a registry lists for a service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from attrs import field, frozen

from rpcfw.printable import is_plain, printable
from rpcfw.values.address import Address

__all__ = [
    "DEFAULT_WEIGHT",
    "MAX_NAME_CHARS",
    "MAX_TAG_CHARS",
    "MAX_TEXTS",
    "MAX_WEIGHT",
    "Instance",
    "Snapshot",
    "check_instance",
    "in_id",
    "instance_from_json",
    "instance_to_json",
    "text_problem",
]

DEFAULT_WEIGHT = 100
#: Larger than needed. The sum of thousands of such weights is still exact as a float.
MAX_WEIGHT = 1_000_000
#: Of a service's name, an id, and each of the other texts.
MAX_NAME_CHARS = 256
#: Of a tag's value.
MAX_TAG_CHARS = 16 << 10
#: Tags, and protocols.
MAX_TEXTS = 100

_NOT_IN_ID = re.compile(r"[^0-9A-Za-z\-_.:]")


@frozen
class Instance:
    """
    One announced copy of a service.

    Args:
        service: full name of the service.
        id: unique among the instances of the service and steady for the life of
            the process that announces it: letters, digits, ``-``, ``_``, ``.``, ``:``.
        address: where it is called.
        protocols: names of the wires it speaks there, best first.
        weight: its share of the calls, relative to the other instances; 0 drains it.
        group: business group, empty for none.
        version: version of the service, empty for none.
        zone: where it runs, empty for unknown.
        started_at: seconds since the epoch by the provider's clock, 0 for unknown.
        tags: further facts for routers. Never secrets: registries are public.
        methods: names of its methods, empty for unknown. Only registries that others read
            publish them; they are not in our records.
        application: name of the application that serves it, as a registry of Dubbo has it; empty
            for unknown. It is not announced from here: the registry knows its own.
    """

    service: str
    id: str
    address: Address
    protocols: tuple[str, ...] = ("native",)
    weight: int = DEFAULT_WEIGHT
    group: str = ""
    version: str = ""
    zone: str = ""
    started_at: float = 0.0
    tags: Mapping[str, str] = field(factory=dict, hash=False)
    methods: tuple[str, ...] = ()
    application: str = field(default="", eq=False)


@frozen
class Snapshot:
    """
    All instances of a service as a registry saw them at one moment.

    Args:
        service: full name of the service.
        instances: in no particular order, no id twice.
    """

    service: str
    instances: tuple[Instance, ...]


class _Record(msgspec.Struct, omit_defaults=True):
    """
    The stored form. Unknown keys are skipped, so that a newer one is readable.
    """

    service: str
    id: str
    address: str
    protocols: tuple[str, ...] = ("native",)
    weight: int = DEFAULT_WEIGHT
    group: str = ""
    version: str = ""
    zone: str = ""
    started_at: float = 0.0
    tags: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Record).decode


def instance_to_json(instance: Instance) -> bytes:
    """
    Return the record that registries store.
    """
    return _encode(
        _Record(
            service=instance.service,
            id=instance.id,
            address=str(instance.address),
            protocols=instance.protocols,
            weight=instance.weight,
            group=instance.group,
            version=instance.version,
            zone=instance.zone,
            started_at=instance.started_at,
            tags=dict(instance.tags),
        )
    )


def instance_from_json(data: bytes) -> Instance:
    """
    Read a record from a registry.

    Raises:
        ValueError: it is none. (What a registry hands out is not trusted.)
    """
    try:
        record = _decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not an instance record: {error}") from None
    check_instance(record)
    return Instance(
        service=record.service,
        id=record.id,
        address=Address.parse(record.address),
        protocols=record.protocols,
        weight=record.weight,
        group=record.group,
        version=record.version,
        zone=record.zone,
        started_at=record.started_at,
        tags=record.tags,
    )


def in_id(text: str) -> str:
    """
    Return a text as a part of an id, with ``_`` for each character that an id cannot have.
    """
    return _NOT_IN_ID.sub("_", text)


def check_instance(record: Instance | _Record) -> None:
    """
    Look at the weight, and at what will be in logs, terminals and other records.

    Raises:
        ValueError: the weight is out of its range, or a text is empty where there has to be
            one, too long, or not plain.
    """
    if not 0 <= record.weight <= MAX_WEIGHT:
        raise ValueError(
            f"instance {record.id!r} has a weight that is not between 0 and {MAX_WEIGHT}"
        )
    for what, name in (("service", record.service), ("id", record.id)):
        if not name:
            raise ValueError(f"an instance has an empty {what}")
    if len(record.tags) > MAX_TEXTS or len(record.protocols) > MAX_TEXTS:
        raise ValueError(f"an instance has more than {MAX_TEXTS} tags or protocols")
    names = {"service": record.service, "id": record.id, "zone": record.zone}
    names |= {"group": record.group, "version": record.version}
    for what, name in (
        *names.items(),
        *(("protocols", name) for name in record.protocols),
        *(("tags", name) for name in record.tags),
    ):
        _check_text(what, name, MAX_NAME_CHARS)
    for value in record.tags.values():
        _check_text("tags", value, MAX_TAG_CHARS)


def _check_text(what: str, text: str, max_chars: int) -> None:
    problem = text_problem(text, max_chars)
    if problem:
        raise ValueError(f"{what} of an instance {problem}")


def text_problem(text: str, max_chars: int = MAX_NAME_CHARS) -> str:
    """
    Return why no reader takes a record with this text in it; empty if each does.
    """
    if len(text) > max_chars:
        return f"has {len(text)} characters, more than {max_chars}"
    if not is_plain(text):
        return f"has characters that control a terminal or are not seen: {printable(text)[:100]}"
    return ""
