"""
What all credentials promise.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress

from rpcfw.spi.credentials import Credentials
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.filter import FilterContract

__all__ = ["CredentialsContract"]


class CredentialsContract(FilterContract):
    """
    The tests of credentials, besides those of a filter.

    Subclass it, beside your test framework's own class if it needs one.
    """

    @abstractmethod
    def make(self) -> Credentials:
        """
        Return new credentials that may be sent on an encrypted connection.
        """

    def test_metadata_is_added(self) -> None:
        """
        Something is added after the call's own metadata, for a message and for a stream.
        """
        for body in (b"message", None):
            call = a_call(metadata={"tenant": "blue"})
            before = call.metadata

            pairs = self.make().metadata(call, body, path=call.method.path, encrypted=True).pairs

            assert pairs[0] == ("tenant", "blue")
            assert len(pairs) > 1
            assert call.metadata is before

    def test_the_call_is_marked(self) -> None:
        """
        The filter leaves the credentials in the call, for those who send it.
        """
        credentials, call = self.make(), a_call()

        async def rest(call: object) -> None:
            return None

        running = credentials.bind(rest)(call)
        with suppress(StopIteration):
            running.send(None)

        assert call.credentials is credentials
