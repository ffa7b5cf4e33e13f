"""
Definitions of classes: what is remembered of earlier messages is limited.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from uuid import UUID

import pytest

from rpcfw_hessian import HessianError, Schema, dumps, java, loads
from rpcfw_hessian.text import encode_string

ID = UUID("12345678-1234-1234-1234-123456789012")
#: Far less than what any of the tests sends.
MEMORY = 2 << 20


@java("com.acme.Box")
@dataclass
class Box:
    size: int = 1


def kept_bytes(schema: Schema, messages: list[bytes]) -> int:
    """
    Return how much memory remains taken after these messages.
    """
    schema.loads(messages[0])
    tracemalloc.start()
    try:
        for data in messages:
            decoder = schema.decoder(data)
            decoder.read()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_names_in_other_forms():
    """
    What follows a name that is written in another form than usual is not kept with it.
    """
    usual = dumps(ID)
    named = encode_string("java.util.UUID")
    other = usual.replace(named, b"S\x00" + named)
    messages = [usual, *(other + bytes([n]) * 10_000 for n in range(250))]

    assert kept_bytes(Schema(), messages) < MEMORY


def test_long_definitions():
    """
    A definition with names that no class has is not kept, of a class that is known or of the JDK.
    """
    schema = Schema([Box])
    messages = [dumps(Box())]
    for java_class, known in (("com.acme.Box", "size"), ("java.util.UUID", "value")):
        value = b"\x91" if known == "size" else encode_string(str(ID))
        for number in range(6):
            names = encode_string(known) + encode_string(f"{number}" * 1_000_000)
            messages.append(
                b"C" + encode_string(java_class) + b"\x92" + names + b"\x60" + value + b"N"
            )

    assert kept_bytes(schema, messages) < MEMORY


def test_the_usual_definition_is_parsed_once():
    """
    The next message with the same definition has the same function.
    """
    schema = Schema([Box])
    data = dumps(Box(5))
    first, second = (schema.decoder(data) for _ in range(2))

    assert Box(5) == first.read() == second.read()
    assert first.definitions[0] is second.definitions[0]


def test_names_of_types_are_limited():
    """
    A message with more names of types than any program has is refused.
    """
    lists = b"".join(b"\x70" + encode_string(f"t{number}") for number in range(4097))

    with pytest.raises(HessianError, match="at most 4096 names of types"):
        loads(b"X" + dumps(4097) + lists)


def test_an_exception_that_is_its_own_cause():
    """
    Java writes an exception without a cause so; here it has none.
    """
    names = encode_string("detailMessage") + encode_string("cause")
    data = b"C" + encode_string("com.acme.SoldException") + b"\x92" + names + b"\x60\x03out\x51\x90"

    found = loads(data)

    assert ("out", None) == (found.message, found.__cause__)


@pytest.mark.parametrize(("size", "head"), [(0, b"\x78"), (7, b"\x7f"), (8, b"X\x98")])
def test_the_head_of_a_tuple(size, head):
    """
    It has the shortest form for its size, as hessian-lite writes it.
    """
    assert head + b"\x91" * size == dumps((1,) * size, tuple[(int,) * size])
