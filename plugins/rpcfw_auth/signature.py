"""
The signature of a call: what is signed, and how it is written.

It is one pair of metadata, ``rpcfw-signature: v1 KEY TIME NONCE CODE``. TIME is in milliseconds
since 1970. CODE is the HMAC-SHA256 (RFC 2104), in hexadecimal, of six lines of ASCII, without
a line feed at the end::

    rpcfw-hmac-v1
    KEY
    TIME
    NONCE
    SERVICE/METHOD
    DIGEST

DIGEST is the SHA-256 of the request as it is sent, in hexadecimal. For a method that streams in
either direction it is ``-``: the head is sent before the messages are known. For Dubbo the
request is the descriptor of the parameters and the arguments, for Triple the wrapper with the
types and the arguments. There METHOD is without the Java types of an overloaded method; over
the other wires it has them, as in ``find(int)``.
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest, digest

from attrs import define

from rpcfw_auth.keys import Key

__all__ = ["HEADER", "Signature", "code_of", "parse_signature", "sign"]

HEADER = "rpcfw-signature"
#: Every part is bounded, none has a line feed, and a number has one form: so no other call has
#: the same six lines.
_VALUE = re.compile(
    r"v1 ([A-Za-z0-9._\-]{1,64}) ([1-9][0-9]{0,14}|0) ([A-Za-z0-9_\-]{16,64}) ([0-9a-f]{64})\Z"
)


# Made for each call: a frozen one takes three times as long to make.
@define(eq=False)
class Signature:
    """
    A signature that was read, and not verified yet.
    """

    key: str
    time_ms: int
    nonce: str
    code: bytes

    def is_by(self, key: Key, path: str, body: bytes | memoryview | None) -> bool:
        """
        Tell whether a key has signed this call, in constant time.
        """
        right = code_of(key, self.time_ms, self.nonce, path, body)
        return compare_digest(right, self.code)


def parse_signature(value: str) -> Signature | None:
    """
    Return the signature in a value; None if it is malformed.
    """
    match = _VALUE.match(value)
    if match is None:
        return None
    key, time_ms, nonce, code = match.groups()
    return Signature(key, int(time_ms), nonce, bytes.fromhex(code))


def sign(key: Key, time_ms: int, nonce: str, path: str, body: bytes | None) -> str:
    """
    Return the value that signs a call.

    Args:
        path: SERVICE/METHOD.
        body: None for a stream.
    """
    return f"v1 {key.id} {time_ms} {nonce} {code_of(key, time_ms, nonce, path, body).hex()}"


def code_of(
    key: Key, time_ms: int, nonce: str, path: str, body: bytes | memoryview | None
) -> bytes:
    """
    Return the code of a call.
    """
    body_digest = "-" if body is None else sha256(body).hexdigest()
    text = f"rpcfw-hmac-v1\n{key.id}\n{time_ms}\n{nonce}\n{path}\n{body_digest}"
    return digest(key.secret, text.encode(), "sha256")
