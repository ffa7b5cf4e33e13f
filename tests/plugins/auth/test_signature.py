"""
What is signed, byte by byte.
"""

from __future__ import annotations

import hashlib
import hmac

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

    value = sign(KEY, 1_800_000_000_000, "n" * 16, "demo.Greeter/say", b"message")

    assert f"v1 shop-1 1800000000000 {'n' * 16} {code}" == value


def test_a_stream_is_signed_without_messages():
    """
    The digest of a stream is a dash, which is that of no message.
    """
    lines = f"rpcfw-hmac-v1\nshop-1\n1\n{'n' * 16}\ndemo.Greeter/say\n-"
    code = hmac.new(b"k" * 32, lines.encode(), hashlib.sha256).hexdigest()

    assert sign(KEY, 1, "n" * 16, "demo.Greeter/say", None).endswith(code)


def test_java_types_are_signed_with_the_name():
    """
    The signature of an overloaded method is that of no other with its name.
    """
    path = "demo.Greeter/say(java.lang.String)"
    signed = parse_signature(sign(KEY, 1, "n" * 16, path, b"message"))

    assert signed is not None
    assert signed.is_by(KEY, path, b"message")
    assert not signed.is_by(KEY, path, b"other")
    for other in ("demo.Greeter/say", "demo.Greeter/say(int)"):
        assert not signed.is_by(KEY, other, b"message")
