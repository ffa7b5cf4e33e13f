"""
An exception that Java and Python know. Definitions of interfaces do not have exceptions.
"""

from __future__ import annotations

from rpcfw_hessian import java


@java("com.acme.stock.OutOfStock")
class OutOfStock(Exception):
    """
    Fewer are left than were asked for.
    """

    left: int

    def __init__(self, message: str, left: int = 0) -> None:
        super().__init__(message)
        self.left = left
