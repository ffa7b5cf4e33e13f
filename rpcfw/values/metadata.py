"""
Metadata: ordered pairs that travel beside a message, in both directions.

Names are lower-case ASCII (``a-z 0-9 - _ .``); a name that ends in ``-bin`` has a
value of bytes, any other a value of printable ASCII text, as gRPC has it
(PROTOCOL-HTTP2.md), so that metadata crosses every wire unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["EMPTY", "PREVIOUS_ATTEMPTS", "STRICT", "Metadata", "MetadataLike", "Pairs"]

Pairs = tuple[tuple[str, str | bytes], ...]

_NAME = re.compile(r"[0-9a-z_.\-]+\Z")
_TEXT = re.compile(r"[\x20-\x7e]*\Z")


class Metadata:
    """
    An immutable ordered multi-map. `EMPTY` is the one with nothing in it.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Pairs = ()) -> None:
        self.pairs = pairs

    @classmethod
    def of(cls, source: MetadataLike | None) -> Metadata:
        """
        Make metadata from what a user hands in: a mapping, pairs, or nothing.

        Raises:
            ValueError: a name or a value that no wire can carry.
        """
        if source is None:
            return EMPTY
        if isinstance(source, Metadata):
            return source
        items = source.items() if isinstance(source, Mapping) else source
        pairs = tuple((_checked(name, value), value) for name, value in items)
        return cls(pairs) if pairs else EMPTY

    def get(self, name: str, default: str | bytes | None = None) -> str | bytes | None:
        """
        Return the first value under ``name``, in whatever case it is written.
        """
        name = name.lower()
        for key, value in self.pairs:
            if key == name:
                return value
        return default

    def all(self, name: str) -> tuple[str | bytes, ...]:
        """
        Return every value under ``name``, in order.
        """
        name = name.lower()
        return tuple(value for key, value in self.pairs if key == name)

    def plus(self, other: MetadataLike | None) -> Metadata:
        """
        Return these pairs followed by the others.
        """
        added = Metadata.of(other)
        if not added.pairs:
            return self
        return Metadata(self.pairs + added.pairs) if self.pairs else added

    def __iter__(self) -> Iterator[tuple[str, str | bytes]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key == name.lower() for key, _ in self.pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __repr__(self) -> str:
        # Names only: values may be credentials, and representations reach logs.
        return f"<Metadata {', '.join(name for name, _ in self.pairs) or 'empty'}>"


MetadataLike = Metadata | Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]

EMPTY = Metadata()

#: With this name in its metadata a call asks that parameters which the method does not
#: have are refused. `rpcfw call` does: a person may have misspelt one.
STRICT = "rpcfw-strict"

#: How many attempts were made before this one, of this call or of one that it is nested in.
#: The name is gRPC's (proposal A6), and the same on every wire.
PREVIOUS_ATTEMPTS = "grpc-previous-rpc-attempts"


def _checked(given: object, value: object) -> str:
    """
    Return the name in lower case.
    """
    name = given.lower() if isinstance(given, str) else ""
    if not _NAME.match(name):
        raise ValueError(f"metadata name {given!r} has characters other than a-z 0-9 - _ .")
    if name.endswith("-bin"):
        if not isinstance(value, bytes):
            raise ValueError(f"metadata {name!r} ends in -bin, so its value must be bytes")
    elif not isinstance(value, str) or not _TEXT.match(value):
        got = "" if isinstance(value, str) else f", and is {type(value).__name__}"
        raise ValueError(
            f"metadata {name!r} must be printable ASCII text{got}; use a name with -bin"
        )
    return name
