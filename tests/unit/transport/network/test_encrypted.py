"""
Whether others can read what a connection carries.
"""

from __future__ import annotations

from twisted.internet.interfaces import ITCPTransport
from zope.interface import implementer

from rpcfw.transport.network.encrypted import is_encrypted


@implementer(ITCPTransport)
class TCP:
    """
    A plain connection.
    """


class TLS(TCP):
    """
    One over TLS.
    """

    def getPeerCertificate(self):  # noqa: N802  # Twisted's
        return None


def test_plain_tcp_only():
    """
    Plain TCP can be read by others; TLS cannot, nor what stays on the machine.
    """
    assert not is_encrypted(TCP())
    assert is_encrypted(TLS())
    assert is_encrypted(object())
