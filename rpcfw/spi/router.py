"""
Routers: which instances a call may use.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

from attrs import frozen

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.call_key import CallKey
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.registry import Registry
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["KeyedPart", "Reasons", "Router"]


def _no_reason(candidate: Candidate) -> str:
    return ""


@frozen(eq=False)
class Reasons:
    """
    Why a router left what it left, for people.

    Args:
        step: what decided for all candidates, such as the rule that held.
        of: says why a candidate was removed; empty: ``step`` says it.
    """

    step: str = ""
    of: Callable[[Candidate], str] = _no_reason


@frozen
class KeyedPart:
    """
    A part of the calls of a method, which a router chooses by the value of a key.

    Args:
        share: of all keys, from 0 to 1.
        key: what the router looks at.
        value: one that is in this part.
    """

    share: float
    key: CallKey
    value: str


class Router(Plugin):
    """
    Narrows the set of live nodes. Routers form a chain; each gets what the one before has left.

    The result is cached for all calls with the same `key`, until the set changes, or until the
    router reports by the function from `on_change` that its rules have changed. So `narrow` may
    be slow. `key` runs on every attempt and must be fast.
    """

    #: True if it is there to keep connections few. Then the client connects only to the nodes
    #: that calls go to, and to none beforehand.
    limits_connections: ClassVar[bool] = False

    @property
    def passed_on(self) -> tuple[str, ...]:
        """
        Names of metadata that a nested call takes from the call that is served, if it has none.
        """
        return ()

    def key(self, call: Call) -> Hashable:
        """
        Return everything of the call that the result depends on; None for nothing.
        """
        return None

    @abstractmethod
    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """
        Return those candidates that the call may go to, in the same order.

        Pure: the same key and candidates give the same answer. Never waits.
        If the result is empty, the call fails with `NoInstances`, or as `refusal` says.
        """

    def refusal(self, call: Call) -> str:
        """
        Return why a call may not be made at all; empty if it may.

        Asked if `narrow` has left nothing, and remembered like that. A call that is refused
        fails with `PermissionDenied` and is not retried; instances that come later change
        nothing.
        """
        return ""

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        """
        Return why `narrow` has left ``left``, for ``rpcfw explain``.

        It only says what `narrow` decides. Not asked when calls are routed.
        """
        return Reasons()

    def parts(self, method: Method) -> Sequence[KeyedPart]:
        """
        Return the parts that this router divides the calls of a method into; empty: it does not.

        For those who ask which share of all calls an instance gets. Not asked when calls are
        routed. The shares are 1 together.
        """
        return ()

    def on_change(self, changed: Callable[[], None]) -> None:
        """
        Keep ``changed``, and call it whenever cached results have become wrong.
        """

    def follow(self, registry: Registry) -> None:
        """
        Begin to follow what `Registry.rules` keeps, if it is that kind of router.

        Called once, after `start`, by a client that has a registry. It must not wait. `stop` ends
        what it began.
        """
