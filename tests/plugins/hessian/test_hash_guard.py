"""
Keys of maps and items of sets: none takes for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from rpcfw_hessian import HessianError, Schema, dumps, java


@java("com.acme.Pair")
@dataclass(frozen=True)
class Pair:
    left: Pair | int | None
    right: Pair | int | None


@pytest.mark.parametrize("type", [Any, set[Pair], dict[Pair, int]])
def test_a_key_that_shares_its_parts(type):
    """
    An instance may be a key, but not one whose hash would take for ever.
    """
    schema = Schema([Pair])
    small = large = Pair(1, 2)
    for _ in range(60):
        large = Pair(large, large)
    make = (lambda key: {key: 1}) if type == dict[Pair, int] else (lambda key: {key})

    assert make(small) == schema.loads(schema.dumps(make(small)), type)
    data = schema.encoder()
    with pytest.raises(HessianError, match="a key of at most 256 values"):
        schema.loads(_with_key(data, large, is_map=type == dict[Pair, int]), type)


def _with_key(encoder: Any, key: Pair, *, is_map: bool) -> bytes:
    """
    Return a set or a map with one key. Python could not make it itself.
    """
    encoder.number(None)
    encoder.write(key)
    if is_map:
        return b"H" + encoder.take() + b"\x91Z"
    return b"V" + dumps("java.util.HashSet") + b"\x91" + encoder.take()
