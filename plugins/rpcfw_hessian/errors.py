"""
The one error of this library.
"""

from __future__ import annotations

__all__ = ["HessianError", "shown"]

_MOST_SHOWN = 100


def shown(name: str) -> str:
    """
    Return a name that a peer sent, as errors have it: cut, and without control characters.
    """
    return repr(name if len(name) <= _MOST_SHOWN else name[:_MOST_SHOWN] + "…")


class HessianError(ValueError):
    """
    Bytes do not fit: no Hessian 2, not of the expected type, above a limit; or a value does not.

    Args:
        reason: what was expected and what came, without any payload.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        #: Where the value is, innermost first: ``.name`` of a field, ``[3]`` of a list.
        self.path: list[str] = []

    def __str__(self) -> str:
        where = "".join(reversed(self.path)).removeprefix(".")
        return f"{where}: {self.reason}" if where else self.reason
