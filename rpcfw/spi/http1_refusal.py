"""
An HTTP/1 answer for a browser, or for curl, on a port that does not speak HTTP/1.

Protocols whose ports people try with such tools give it as their
`rpcfw.spi.protocol.WireProtocol.refusal`.
"""

from __future__ import annotations

from rpcfw.spi.protocol import Match

__all__ = ["http1_refusal"]

#: RFC 9110 section 9.1 and RFC 5789. A request line begins with the method and a space.
_METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ")


def http1_refusal(data: bytes, reason: str) -> bytes | Match:
    """
    Return ``reason`` as an answer with status 400, if ``data`` begins an HTTP/1 request.

    Otherwise return whether it still may (`Match.MORE`) or does not (`Match.NO`).
    """
    if data.startswith(_METHODS):
        text = f"{reason}\n".encode()
        return (
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
        )
    if any(method.startswith(data) for method in _METHODS):
        return Match.MORE
    return Match.NO
