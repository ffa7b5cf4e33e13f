"""
kazoo's errors as those of the `ZooKeeperSession` seam.
"""

from __future__ import annotations

from collections.abc import Iterable

from kazoo import exceptions

from rpcfw.errors import RegistryError
from rpcfw_registries.zookeeper.session import (
    Refused,
    Unreachable,
    ZnodeChanged,
    ZnodeExists,
    ZnodeMissing,
)

__all__ = ["first_failure", "translated"]

#: Errors that may not come again when the request is repeated. All others are final.
#: Not every kazoo knows every one.
_FOR_NOW = tuple(
    getattr(exceptions, name)
    for name in (
        "ConnectionLoss",
        "OperationTimeoutError",
        "RequestTimeoutError",
        "SessionExpiredError",
        "SessionMovedError",
        "ThrottledOpError",
    )
    if hasattr(exceptions, name)
)


def translated(error: BaseException) -> RegistryError:
    """
    Return the seam's error for one of kazoo's.
    """
    what = f"{type(error).__name__} {error}".strip()
    if isinstance(error, exceptions.NoNodeError):
        return ZnodeMissing("there is no such znode")
    if isinstance(error, exceptions.NodeExistsError):
        return ZnodeExists("there is such a znode already")
    if isinstance(error, exceptions.BadVersionError):
        return ZnodeChanged("somebody else has changed the znode")
    if isinstance(error, exceptions.NoAuthError):
        return Refused(
            "ZooKeeper does not permit it; give a user and password that the znode's ACL admits"
        )
    if isinstance(error, _FOR_NOW):
        return Unreachable(f"ZooKeeper cannot be asked just now ({what})")
    return Refused(f"ZooKeeper refused: {what}")


def first_failure(results: Iterable[object]) -> BaseException | None:
    """
    Return why a transaction failed, or None if it did not.

    All its parts are marked as failed then; one of them has the reason.
    """
    failures = [result for result in results if isinstance(result, BaseException)]
    undone = (exceptions.RolledBackError, exceptions.RuntimeInconsistency)
    reasons = [failure for failure in failures if not isinstance(failure, undone)]
    return next(iter(reasons + failures), None)
