"""
What a consumer and a registry server say to one another about what is watched.

Theory of operation. A consumer has one stream to a server, for all that it watches: lists of
instances, and rules. It sends which services it wants, and for each what it has of its list. The
server answers with what is new to it, and then sends each change. There are three ways to say
what one has:

- ``epoch`` and ``number``, at the server that sent them: it sends what has changed since.
- ``hash``, at another server of the group: of two equal lists the hashes are equal, and
  nothing is sent.
- ``records``, if the hashes are not equal and the server asks for them (``compare``): the
  hashes of all records. The server sends those that are missing, and which are gone.

Otherwise the server sends the whole list. An update says what it continues. If the consumer
does not have that, it asks again.

The rules of a service or an application are one record, which is sent as a whole. The consumer
says the stamp of the record that it has, and is sent nothing if the server has the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated

import msgspec

from rpcfw.values.rule import Scope
from rpcfw_registries.standalone.messages import MAX_PER_MESSAGE, Counter, Name

__all__ = [
    "HASH_BYTES",
    "MAX_COMPARED",
    "RulesOf",
    "RulesUpdate",
    "Topic",
    "Update",
    "Updates",
    "Wanted",
    "WantedRules",
    "WatchRequest",
    "hash_of_list",
    "hash_of_record",
]

HASH_BYTES = 8
#: Of longer lists no hashes are compared: they are sent as a whole.
MAX_COMPARED = 50_000

#: What is watched: a service, for the list of its instances, or a scope, for its rules.
Topic = str | Scope

#: A server has the same scopes in the requests of thousands of consumers.
_scope = lru_cache(maxsize=10_000)(Scope)

_Epoch = Annotated[str, msgspec.Meta(max_length=64)]
_Hash = Annotated[str, msgspec.Meta(max_length=2 * HASH_BYTES)]
_Kind = Annotated[str, msgspec.Meta(pattern=r"^(application|service)\Z")]
_Stamp = Annotated[str, msgspec.Meta(max_length=64)]
_Hashes = Annotated[bytes, msgspec.Meta(max_length=HASH_BYTES * MAX_COMPARED)]


class Wanted(msgspec.Struct, omit_defaults=True):
    """
    One service that a consumer wants to watch, and what it has of it.

    Args:
        epoch: with ``number``: those of the last update that it has applied.
        hash: of its list, see `hash_of_list`; empty: it has none to compare.
        records: the hash of each record that it has, one after the other.
    """

    service: Name
    epoch: _Epoch = ""
    number: Counter = 0
    hash: _Hash = ""
    records: _Hashes = b""

    @property
    def topic(self) -> str:
        """
        Its service.
        """
        return self.service


class RulesOf(msgspec.Struct, frozen=True):
    """
    Whose rules are meant, see `Scope`.
    """

    kind: _Kind
    name: Name

    @property
    def topic(self) -> Scope:
        """
        The same as it is known otherwise.
        """
        return _scope(self.kind, self.name)


class WantedRules(RulesOf, frozen=True, omit_defaults=True):
    """
    Rules that a consumer wants to watch, and what it has of them.

    Args:
        stamp: of the record that it was sent last, empty if there was none; None: it was sent
            nothing yet.
    """

    stamp: _Stamp | None = None


class WatchRequest(msgspec.Struct, omit_defaults=True):
    """
    A message of a consumer.

    Args:
        add: services to watch from now on. One that is watched already is answered anew.
        remove: services to watch no more. They are removed first.
        add_rules: the same for rules.
        remove_rules: the same for rules.
    """

    add: Annotated[list[Wanted], msgspec.Meta(max_length=MAX_PER_MESSAGE)] = []
    remove: Annotated[list[Name], msgspec.Meta(max_length=MAX_PER_MESSAGE)] = []
    add_rules: Annotated[list[WantedRules], msgspec.Meta(max_length=MAX_PER_MESSAGE)] = []
    remove_rules: Annotated[list[RulesOf], msgspec.Meta(max_length=MAX_PER_MESSAGE)] = []


class Update(msgspec.Struct, omit_defaults=True):
    """
    A part of what is new of one service.

    Args:
        epoch: names one life of one node. Numbers of different epochs have nothing
            to do with one another.
        number: once this is applied, everything up to this number is known. With
            ``epoch`` it is what to resume with.
        since: it continues a list that is known up to this number of the same epoch.
        complete: the whole list begins here: forget what was known.
        hash: it continues the list with this hash, instead of ``since``.
        more: further parts follow before there is something to show.
        put: records added or replaced.
        gone: ids removed.
        gone_records: hashes of the records of the list with ``hash`` that are gone.
        compare: nothing is new yet: the server asks for `Wanted.records`.
        refused: why the service is not watched; nothing else is sent then.
        final: asking again will be refused again.
    """

    service: str
    epoch: str = ""
    number: int = 0
    since: int = 0
    complete: bool = False
    hash: str = ""
    more: bool = False
    put: list[msgspec.Raw] = []
    gone: list[str] = []
    gone_records: bytes = b""
    compare: bool = False
    refused: str = ""
    final: bool = False

    @property
    def topic(self) -> str:
        """
        Its service.
        """
        return self.service


class RulesUpdate(msgspec.Struct, omit_defaults=True):
    """
    The rules of a service or an application as they are now.

    Args:
        documents: the record; None: there is none.
        stamp: of the record, to be sent back in `WantedRules`.
        refused: as in `Update`.
        final: as in `Update`.
    """

    kind: str
    name: str
    documents: bytes | None = None
    stamp: str = ""
    refused: str = ""
    final: bool = False

    @property
    def topic(self) -> Scope:
        """
        Whose rules they are.
        """
        return _scope(self.kind, self.name)


class Updates(msgspec.Struct, omit_defaults=True):
    """
    A message of a server.

    Args:
        updates: each an `Update`. It is encoded once for all consumers that need the same.
        rules: each a `RulesUpdate`, likewise.
        answered: how many messages of the consumer the server has read.
        behind: why the server may lack what other servers of its group know, in words; empty if
            it does not.
    """

    updates: list[msgspec.Raw] = []
    answered: int = 0
    behind: str = ""
    rules: list[msgspec.Raw] = []


def hash_of_record(record: bytes) -> int:
    """
    Return the hash of one record.
    """
    return int.from_bytes(blake2b(record, digest_size=HASH_BYTES).digest(), "big")


def hash_of_list(hashes: Iterable[int]) -> str:
    """
    Return the hash of a list, of the hashes of its records in any order.
    """
    value = 0
    for each in hashes:
        value ^= each
    return f"{value:016x}"
