"""
What is signed, byte by byte.
"""

from __future__ import annotations

import hashlib
import hmac

from attrs import evolve

from rpcfw.testing.candidates import a_call
from rpcfw_auth.keys import Key
from rpcfw_auth.signature import parse_signature, sign

KEY = Key("shop-1", "shop", b"k" * 32)


def test_the_text_that_is_signed():
    """
    Another implementation can sign by the description alone.
    """
    digest = hashlib.sha256(b"message").hexdigest()
    lines = f"rpcfw-hmac-v1\nshop-1\n1800000000000\n{'n' * 16}\ndemo.Greeter/say\n{digest}"
    code = hmac.new(b"k" * 32, lines.encode(), hashlib.sha256).hexdigest()

    value = sign(KEY, 1_800_000_000_000, "n" * 16, a_call().method, b"message")

    assert f"v1 shop-1 1800000000000 {'n' * 16} {code}" == value


def test_a_stream_is_signed_without_messages():
    """
    The digest of a stream is a dash, which is that of no message.
    """
    lines = f"rpcfw-hmac-v1\nshop-1\n1\n{'n' * 16}\ndemo.Greeter/say\n-"
    code = hmac.new(b"k" * 32, lines.encode(), hashlib.sha256).hexdigest()

    assert sign(KEY, 1, "n" * 16, a_call().method, None).endswith(code)


def test_java_types_are_not_signed_with_the_name():
    """
    A method that Dubbo names with its Java types has them in the message.
    """
    method = a_call().method
    typed = evolve(method, name="say(java.lang.String)")
    signed = parse_signature(sign(KEY, 1, "n" * 16, typed, b"message"))

    assert signed is not None
    assert signed.is_by(KEY, method, b"message")
    assert not signed.is_by(KEY, method, b"other")
