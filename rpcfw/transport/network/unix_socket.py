"""
The path of a Unix socket, removed if nobody listens there.

A process that was killed leaves its socket behind. To find out whether somebody still listens,
this module connects: the connection is refused if nobody does. A file with the owner's process
id would not help, because the id may belong to another process by now.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from pathlib import Path

from twisted.internet.error import CannotListenError

__all__ = ["SocketPathBusy", "free_path"]


class SocketPathBusy(CannotListenError):
    """
    Another process holds the lock for the path, and may be about to replace a dead socket there.
    """


@contextmanager
def free_path(path: str) -> Iterator[None]:
    """
    Remove a socket at which nobody listens, and give the block time to listen there.

    Two processes that begin at once take turns, so that neither removes the other's.

    Raises:
        SocketPathBusy: another process holds the lock, usually for milliseconds.
        CannotListenError: somebody listens there, or it is no socket.
    """
    with _turn(path) as is_ours:
        _remove_if_dead(path, is_ours=is_ours)
        yield


def _remove_if_dead(path: str, *, is_ours: bool) -> None:
    try:
        is_socket = stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return  # there is none; what else is wrong, the system says when it is bound
    if not is_socket:
        raise _cannot(path, "the path exists and is no socket; remove it, or listen elsewhere")
    if _is_alive(path):
        raise _cannot(path, "another process listens there")
    if not is_ours:
        # The process that holds the lock may listen there when we remove the socket.
        reason = f"another process holds a lock on {Path(path).parent}; wait for it, or end it"
        raise _cannot(path, reason, SocketPathBusy)
    Path(path).unlink(missing_ok=True)


def _is_alive(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # it is busy, or it is not ours to judge
    return True


@contextmanager
def _turn(path: str) -> Iterator[bool]:
    """
    Hold the folder's lock, if it can be had at once; tell whether nobody else holds it.

    Anybody who may read the folder can hold it: who listens must not hang on it. Where
    there are no locks, nobody holds one.
    """
    try:
        folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        yield _locked(folder)
    finally:
        os.close(folder)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _cannot(
    path: str, reason: str, error: type[CannotListenError] = CannotListenError
) -> CannotListenError:
    return error(None, path, OSError(EADDRINUSE, reason))
