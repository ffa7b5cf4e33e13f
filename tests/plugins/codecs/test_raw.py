"""
Bytes as they are.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.errors import ContractError
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_codecs.raw import RawCodec


def codec() -> RawCodec:
    return RawCodec(NoOptions(), plugin_context())


class TestRawContract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        return [(bytes, b""), (bytes, b"\x00\xff" * 100)]

    def unfit(self):
        return [str, bytearray, Any]


@pytest.mark.parametrize("message", [bytearray(b"ab"), memoryview(b"ab")])
def test_what_is_bytes_in_other_clothes_is_sent(message):
    """
    A bytearray or a memoryview is sent as its bytes.
    """
    assert b"ab" == codec().coder(bytes).encode(message)


@pytest.mark.parametrize("message", [3, "ab", None, [1, 2]])
def test_what_is_no_bytes_is_refused(message):
    """
    A number does not become zeros, nor a list bytes.
    """
    with pytest.raises(TypeError, match=type(message).__name__):
        codec().coder(bytes).encode(message)


def test_parameters_are_refused_with_what_to_write():
    """
    A method in plain Python has parameters, not bytes: the error says how to declare it.
    """
    with pytest.raises(ContractError, match=r"request_type=bytes, response_type=bytes"):
        codec().coder(dict)
