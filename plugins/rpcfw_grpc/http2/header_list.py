"""
A header list that HTTP/2 allows: its names, its pseudo-fields, its values.

RFC 9113, section 8: names are lower-case tokens and values have no line breaks (8.2.1), no field
is about a connection (8.2.2), pseudo-fields come first and once (8.3), a request and a response
have those of theirs (8.3.1, 8.3.2). A list that breaks a rule is `Malformed` (8.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache, partial
from typing import Final

__all__ = [
    "FIELD_OVERHEAD_BYTES",
    "Field",
    "Fields",
    "HeaderList",
    "HeaderRules",
    "Malformed",
    "list_bytes",
    "printable_name",
    "request_rules",
    "response_rules",
]

Field = tuple[bytes, bytes]
Fields = list[Field]

#: What each field counts beside its bytes (RFC 9113, section 6.5.2).
FIELD_OVERHEAD_BYTES: Final = 32
_REQUEST: Final = frozenset((b":method", b":scheme", b":path", b":authority", b":protocol"))
_RESPONSE: Final = frozenset((b":status",))

#: Fields that this module itself looks at.
_OURS = frozenset((b"content-length", b"te"))
#: Connection-specific fields of HTTP/1.1; HTTP/2 has none of them (section 8.2.2).
_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_NAME = re.compile(rb"[0-9a-z!#$%&'*+\-.^_`|~]+\Z")
_BREAKING = re.compile(rb"[\x00\r\n]")


class Malformed(Exception):
    """
    A header list that HTTP/2 forbids: a fault of the stream that it came on.
    """


class _Kind(Enum):
    PSEUDO = "a pseudo-field"
    NAMED = "a field that is looked up by its name"
    OTHER = "any other field"
    WRONG = "no name of a field in HTTP/2"


def _kind(name: bytes, named: frozenset[bytes]) -> _Kind:
    if name.startswith(b":"):
        return _Kind.PSEUDO
    if name in _CONNECTION or not _NAME.match(name):
        return _Kind.WRONG
    return _Kind.NAMED if name in named else _Kind.OTHER


class HeaderRules:
    """
    Which fields a header list may have. Made once, for all connections of a kind.

    Args:
        pseudo: the pseudo-fields that may be there.
        named: fields that are looked up by name in `HeaderList.found`.
        check: looks at these fields of a list that is not trailers; raises `Malformed`.
    """

    __slots__ = ("check", "kind", "pseudo")

    def __init__(
        self,
        pseudo: frozenset[bytes],
        named: frozenset[bytes],
        check: Callable[[dict[bytes, bytes]], None],
    ) -> None:
        self.pseudo = pseudo
        self.check = check
        self.kind = lru_cache(maxsize=1024)(partial(_kind, named=named | _OURS))

    def is_other(self, name: bytes) -> bool:
        """
        Tell whether a field is regular, allowed, and not looked up by its name.
        """
        return self.kind(name) is _Kind.OTHER

    def are_others(self, fields: Fields) -> bool:
        """
        Tell whether fields are all such, with values that are allowed.
        """
        kind_of = self.kind
        for name, value in fields:
            if kind_of(name) is not _Kind.OTHER or _BREAKING.search(value):
                return False
        return True


class HeaderList:
    """
    A header list, checked, and sorted by what its fields are.

    Args:
        fields: the list.
        rules: which may be there.
        before: what came before these fields in the same list.

    Attributes:
        found: pseudo-fields and those that the rules name, by name.
        others: all others, as they came.
        regular: whether there are others than pseudo-fields.
        is_trailers: it has no pseudo-field, so that it can only end a message (section 8.1).
        size: of the list, as SETTINGS_MAX_HEADER_LIST_SIZE counts it.
        content_length: what ``content-length`` says, -1 for nothing.

    Raises:
        Malformed: names what is wrong, never a value.
    """

    __slots__ = ("content_length", "found", "is_trailers", "others", "regular", "size")

    content_length: int
    found: dict[bytes, bytes]
    is_trailers: bool
    others: Fields
    regular: bool
    size: int

    def __init__(
        self, fields: Fields, rules: HeaderRules, before: HeaderList | None = None
    ) -> None:
        found = {} if before is None else dict(before.found)
        others = [] if before is None else list(before.others)
        size = 0 if before is None else before.size
        regular = False if before is None else before.regular
        is_trailers = True if before is None else before.is_trailers
        kind_of = rules.kind
        for field in fields:
            name, value = field
            size += len(name) + len(value) + FIELD_OVERHEAD_BYTES
            kind = kind_of(name)
            if kind is _Kind.PSEUDO:
                if regular or name not in rules.pseudo or name in found:
                    raise Malformed(
                        f"pseudo-field {printable_name(name)} unknown, twice, or too late"
                    )
                found[name] = value
                is_trailers = False
                continue
            regular = True
            if kind is _Kind.NAMED:
                if name == b"content-length" and found.get(name, value) != value:
                    raise Malformed("content-length came twice, with different numbers")
                found[name] = value
            elif kind is _Kind.WRONG:
                raise Malformed(f"{printable_name(name)} is no name of a field in HTTP/2")
            else:
                others.append(field)
            if _BREAKING.search(value):
                raise Malformed(f"field {printable_name(name)} has a line break or a zero byte")
        if found.get(b"te", b"trailers") != b"trailers":
            raise Malformed("field 'te' says trailers, or is not there")
        self.content_length = _content_length(found)
        self.found = found
        self.is_trailers = is_trailers
        self.regular = regular
        self.size = size
        self.others = others

    @property
    def is_informational(self) -> bool:
        """
        Whether it is a response with a status of 1xx, which another one follows (section 8.1).
        """
        return self.found.get(b":status", b"").startswith(b"1")


def _content_length(found: dict[bytes, bytes]) -> int:
    value = found.get(b"content-length")
    if value is None:
        return -1
    if not value.isdigit() or len(value) > 18:
        raise Malformed("content-length is a number")
    return int(value)


def request_rules(named: frozenset[bytes] = frozenset()) -> HeaderRules:
    """
    Return the rules of requests (section 8.3.1).

    Args:
        named: fields that are looked up by name.
    """
    return HeaderRules(_REQUEST, named, _check_request)


def response_rules(named: frozenset[bytes] = frozenset()) -> HeaderRules:
    """
    Return the rules of responses (section 8.3.2).

    Args:
        named: fields that are looked up by name.
    """
    return HeaderRules(_RESPONSE, named, _check_response)


def _check_request(found: dict[bytes, bytes]) -> None:
    method = found.get(b":method")
    if not method:
        raise Malformed("a request has the pseudo-field :method")
    if method == b"CONNECT" and b":protocol" not in found:
        raise Malformed("CONNECT is not served here")
    if b":protocol" in found:
        raise Malformed("the pseudo-field :protocol was not offered here")
    if not found.get(b":scheme"):
        raise Malformed("a request has the pseudo-field :scheme")
    path = found.get(b":path", b"")
    if not path.startswith(b"/") and not (path == b"*" and method == b"OPTIONS"):
        raise Malformed("a request has the pseudo-field :path, which begins with a slash")


def _check_response(found: dict[bytes, bytes]) -> None:
    status = found[b":status"]
    if len(status) != 3 or not status.isdigit() or status < b"100":
        raise Malformed(":status is a number of three digits, from 100 on")


def list_bytes(fields: Iterable[Field]) -> int:
    """
    Return the size of a header list as SETTINGS_MAX_HEADER_LIST_SIZE counts it.
    """
    return sum(len(name) + len(value) + FIELD_OVERHEAD_BYTES for name, value in fields)


def printable_name(name: bytes) -> str:
    """
    Return a field's name as an error can show it.
    """
    return repr(name[:40].decode("ascii", "backslashreplace"))
