"""
The messages that Triple wraps around arguments and results (Dubbo's ``triple_wrapper.proto``).

``TripleRequestWrapper``: the serialization (field 1), each argument (2), the Java type of each
parameter (3). ``TripleResponseWrapper``: the serialization (1), the result (2), its Java type (3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

__all__ = [
    "WrappedRequest",
    "WrappedResponse",
    "read_request",
    "read_response",
    "write_request",
    "write_response",
]

#: What Dubbo calls Hessian 2 in these messages, and what it takes as well.
_HESSIAN: Final = "hessian4"
_NAMES: Final = (b"hessian4", b"hessian2")
#: A Java method has at most 255 parameters (JVM specification, section 4.3.3). Each is two fields.
_MAX_PARAMETERS = 255
_MAX_FIELDS = 2 * _MAX_PARAMETERS + 16
#: Bytes of a varint, and of the fields with a fixed size by wire type.
_MAX_VARINT_BYTES = 10
_FIXED: Final = {1: 8, 5: 4}


@frozen
class WrappedRequest:
    """
    A call of a Java method.

    Args:
        types: names of the parameters' Java classes.
        arguments: in Hessian, each by itself.
    """

    types: tuple[str, ...]
    arguments: tuple[bytes, ...]


@frozen
class WrappedResponse:
    """
    What a Java method has returned or thrown.

    Args:
        data: the result, or an exception, in Hessian.
    """

    data: bytes


def write_request(types: Sequence[str], arguments: Sequence[bytes]) -> bytes:
    """
    Return a ``TripleRequestWrapper``.
    """
    parts = [_field(1, _HESSIAN.encode())]
    parts += [_field(2, argument) for argument in arguments]
    parts += [_field(3, name.encode()) for name in types]
    return b"".join(parts)


def write_response(data: bytes, java_type: str) -> bytes:
    """
    Return a ``TripleResponseWrapper``.
    """
    parts = (_field(1, _HESSIAN.encode()), _field(2, data), _field(3, java_type.encode()))
    return b"".join(parts)


def read_request(body: bytes) -> WrappedRequest:
    """
    Read a ``TripleRequestWrapper``.

    Raises:
        ValueError: it is none, or has another serialization than Hessian 2.
    """
    serialization, arguments, types = _read(body)
    _check(serialization)
    if len(arguments) != len(types):
        raise ValueError(f"{len(arguments)} arguments came with {len(types)} Java types")
    if len(types) > _MAX_PARAMETERS:
        raise ValueError(f"a Java method has at most {_MAX_PARAMETERS} parameters")
    return WrappedRequest(tuple(name.decode() for name in types), tuple(arguments))


def read_response(body: bytes) -> WrappedResponse:
    """
    Read a ``TripleResponseWrapper``.

    Raises:
        ValueError: as `read_request`.
    """
    serialization, data, _ = _read(body)
    _check(serialization)
    # Protobuf leaves a field without bytes out, but a value in Hessian has at least one.
    if not data:
        raise ValueError("the response has no data")
    return WrappedResponse(data[-1])


def _check(serialization: bytes) -> None:
    if serialization not in _NAMES:
        raise ValueError(
            f"the serialization is {serialization[:40].decode('ascii', 'backslashreplace')!r}; "
            "known here: hessian2. Set serialization=hessian2 at the peer"
        )


def _read(body: bytes) -> tuple[bytes, list[bytes], list[bytes]]:
    serialization = b""
    second: list[bytes] = []
    third: list[bytes] = []
    for number, value in _fields(body):
        if number == 1:
            serialization = value
        elif number == 2:
            second.append(value)
        elif number == 3:
            third.append(value)
    return serialization, second, third


def _fields(body: bytes) -> Iterator[tuple[int, bytes]]:
    """
    Yield number and value of each field with a length, and skip others (Protobuf's encoding).
    """
    pos, count = 0, 0
    while pos < len(body):
        count += 1
        if count > _MAX_FIELDS:
            raise ValueError(f"more than {_MAX_FIELDS} fields")
        key, pos = _varint(body, pos)
        wire_type = key & 7
        if wire_type == 0:
            _, pos = _varint(body, pos)
            continue
        if wire_type == 2:
            size, pos = _varint(body, pos)
        elif wire_type in _FIXED:
            size = _FIXED[wire_type]
        else:
            raise ValueError(f"a field has the wire type {wire_type}")
        end = pos + size
        if end > len(body):
            raise ValueError(f"a field of {size} bytes, of which {len(body) - pos} are there")
        if wire_type == 2:
            yield key >> 3, body[pos:end]
        pos = end


def _varint(body: bytes, pos: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(body[pos : pos + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, pos + index + 1
    raise ValueError("a number that does not end")


def _field(number: int, value: bytes) -> bytes:
    size, head = len(value), bytearray((number << 3 | 2,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + value
