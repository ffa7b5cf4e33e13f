"""
Definitions of classes: what is remembered of earlier messages is limited.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass
from uuid import UUID

from rpcfw_hessian import Schema, dumps, java
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
