"""
A stand-in for the rest of a stack, for tests of one filter.
"""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any

from attrs import frozen

from rpcfw.values.call import Call

__all__ = ["Passed", "Scripted"]


@frozen
class Passed:
    """
    What a call was like as the filter let it pass.
    """

    request: Any
    attempt: int
    deadline: float


class Scripted:
    """
    Fits `rpcfw.spi.filter.CallStep`: gives the answers that it was made with, one for each call.

    Args:
        answers: each is returned; an exception is raised; what can be awaited is.
    """

    def __init__(self, *answers: Any) -> None:
        self.passed: list[Passed] = []
        self._answers = list(answers)

    async def __call__(self, call: Call) -> Any:
        self.passed.append(Passed(call.request, call.attempt, call.deadline))
        if not self._answers:
            raise AssertionError(f"the filter proceeded {len(self.passed)} times, one too many")
        answer = self._answers.pop(0)
        if isawaitable(answer):
            waited: Awaitable[Any] = answer
            return await waited
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def times(self) -> int:
        """
        How often the filter proceeded.
        """
        return len(self.passed)
