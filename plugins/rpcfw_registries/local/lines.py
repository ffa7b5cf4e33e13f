"""
Instances as people write them, one service a line.

For example::

    demo.Greeter = tcp:10.0.0.5:2200 weight=50 zone=a, tcp:10.0.0.6:2200
    * = tcp:10.0.0.9:2200

To the registries static and dns the star stands for every service without a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import attrs

from rpcfw.values.address import Address
from rpcfw.values.instance import MAX_WEIGHT, Instance, check_instance

__all__ = [
    "MAX_MISTAKES",
    "Mistakes",
    "instance_id",
    "instance_of_address",
    "instances_from_lines",
]

_NOT_IN_AN_ID = re.compile(r"[^0-9A-Za-z\-_.:]+")
#: A file may be one long line, and what is wrong with it is in errors and in the log.
_MAX_SHOWN_CHARS = 300
_MAX_DIGITS = 20
#: So many mistakes are kept. A file may have a mistake in each of some million lines.
MAX_MISTAKES = 1000
_TEXTS = ("group", "version", "zone", "id")


class Mistakes:
    """
    The first mistakes of a text, each in few characters; further ones are not kept.
    """

    def __init__(self) -> None:
        self.is_known: list[str] = []

    def add(self, mistake: str) -> None:
        if len(self.is_known) < MAX_MISTAKES:
            self.is_known.append(_shortened(mistake))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[: _MAX_SHOWN_CHARS - 3]}..."


def instance_id(address: Address) -> str:
    """
    Return an id made of an address.
    """
    return _NOT_IN_AN_ID.sub("_", str(address))


def instance_of_address(service: str, address: str) -> Instance:
    """
    Return an instance of which only the address is known; its id is made of that.

    Raises:
        ValueError: it is no address.
    """
    parsed = Address.parse(address)
    return Instance(service, instance_id(parsed), parsed)


def instance_from_words(service: str, text: str) -> Instance:
    """
    Read one address and what may follow it: ``tcp:h:1 weight=50 zone=a``.

    Raises:
        ValueError: says what was expected.
    """
    if not text.strip():
        raise ValueError("an entry is empty; expected ADDRESS, as in tcp:10.0.0.5:2200 weight=50")
    address, *words = text.split()
    instance = instance_of_address(service, address)
    changes: dict[str, Any] = {}
    tags: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} after {address} is no NAME=VALUE, as in weight=50")
        if name.startswith("tags.") and name != "tags.":
            tags[name[5:]] = value
        else:
            changes[name] = _attribute(name, value)
    made = attrs.evolve(instance, tags=tags, **changes)
    check_instance(made)
    return made


def _attribute(name: str, value: str) -> str | int | tuple[str, ...]:
    if name in _TEXTS:
        return value
    if name == "protocols":
        return tuple(value.split("+"))
    if name != "weight":
        known = "weight, zone, group, version, protocols, id, tags.NAME"
        raise ValueError(f"{name!r} is not known of an instance; known are {known}")
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise ValueError(f"weight={value} is not a whole number from 0 to {MAX_WEIGHT}")
    return int(value)


def instances_from_lines(text: str) -> tuple[dict[str, list[Instance]], list[str]]:
    """
    Read all lines. Empty ones and those that begin with ``#`` or ``;`` are skipped.

    Returns:
        What could be read, and one sentence for each mistake.
    """
    services: dict[str, dict[str, Instance]] = {}
    mistakes = Mistakes()
    for service, words in _entries(text, mistakes):
        known = services.setdefault(service, {})
        try:
            instance = instance_from_words(service, words)
        except ValueError as error:
            mistakes.add(f"{service}: {error}")
            continue
        if instance.id in known:
            mistakes.add(f"{service}: {instance.id} stands there twice")
        else:
            known[instance.id] = instance
    return {service: list(known.values()) for service, known in services.items()}, mistakes.is_known


def _entries(text: str, mistakes: Mistakes) -> Iterator[tuple[str, str]]:
    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in "#;":
            continue
        service, equals, entries = line.partition("=")
        service = service.strip()
        if not equals or not service or any(c.isspace() for c in service):
            mistakes.add(f"{_shortened(line)!r} is no SERVICE = ADDRESS, ADDRESS ...")
            continue
        for words in entries.split(","):
            if words.strip():
                yield service, words
