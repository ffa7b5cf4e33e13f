"""
What every authenticator promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.authenticator import Authenticator
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.values.call import Call

__all__ = ["AuthenticatorContract"]


class AuthenticatorContract(FilterContract):
    """
    The tests of an authenticator, besides those of a filter.

    Subclass it, beside your test framework's own class if it needs one. What `make` returns
    finds an identity for `good_calls`, and refuses `bad_calls`, without waiting.
    """

    @abstractmethod
    def make(self) -> Authenticator:
        """
        Return a new authenticator.
        """

    @abstractmethod
    def good_calls(self) -> Iterable[Call]:
        """
        Return new calls with credentials that are right.
        """

    @abstractmethod
    def bad_calls(self) -> Iterable[Call]:
        """
        Return new calls with credentials that are wrong.
        """

    def test_a_call_without_credentials_passes(self) -> None:
        """
        It passes, and nobody is known by it: another authenticator may know who calls.
        """
        call = a_call()

        assert _passed(self.make(), call)
        assert call.identity.names == ()

    def test_right_credentials(self) -> None:
        """
        A call with right credentials passes, and has an identity whose names have a kind.
        """
        for call in self.good_calls():
            assert _passed(self.make(), call)
            assert call.identity.names
            assert all(name.partition(":")[1] for name in call.identity.names)

    def test_wrong_credentials(self) -> None:
        """
        A call with wrong ones is refused for good. The error does not say what was wrong.
        """
        texts = set()
        for call in self.bad_calls():
            error = _raised(self.make(), call)
            assert error.status is Status.UNAUTHENTICATED
            assert error.hints == Hint.FINAL
            assert call.identity.names == ()
            texts.add(str(error))
        assert len(texts) == 1


def _passed(authenticator: Authenticator, call: Call) -> bool:
    ran = []

    async def rest(call: Call) -> Any:
        ran.append(call)

    running = authenticator.bind(rest)(call)
    try:
        running.send(None)
    except StopIteration:
        return bool(ran)
    raise AssertionError("it waits")


def _raised(authenticator: Authenticator, call: Call) -> CallError:
    try:
        passed = _passed(authenticator, call)
    except CallError as error:
        return error
    raise AssertionError(f"the call was not refused, and {'reached' if passed else 'missed'} it")
