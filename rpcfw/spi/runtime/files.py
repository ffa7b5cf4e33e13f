"""
Files in places where others can write too.

What is read is a regular file, of a bounded size: a FIFO would hold the reader up for
ever, and a device may never end. Symbolic links are followed, as mounted config maps
are made of them. What is written is there whole or not at all, and readable by its
owner alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from errno import EFBIG, EINVAL, EISDIR, EPERM
from pathlib import Path
from typing import BinaryIO

__all__ = ["MAX_SMALL_BYTES", "open_regular", "read_regular", "replace_file"]

#: The limit for what a person writes: certificates, configuration.
MAX_SMALL_BYTES = 16 << 20


def open_regular(path: Path) -> BinaryIO:
    """
    Open a regular file to read it; never wait for it.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    # Non-blocking, because to open a FIFO waits for who writes it.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    # Asked before it is opened too: to open a device can do something.
    _check_regular(path.stat(), path)
    descriptor = os.open(path, flags)
    try:
        _check_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, max_bytes: int = MAX_SMALL_BYTES, *, ours: bool = False) -> bytes:
    """
    Read a regular file.

    Args:
        ours: it has to belong to this process's user, or to root. Whoever may write into
            a folder may put a file there before we do.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger.
    """
    with open_regular(path) as file:
        if ours and os.fstat(file.fileno()).st_uid not in (os.geteuid(), 0):
            raise PermissionError(EPERM, "it belongs to another user", str(path))
        # What it says of its size may be out of date once it is read.
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(EFBIG, f"it is larger than {max_bytes} bytes", str(path))
    return content


def replace_file(path: Path, content: bytes) -> None:
    """
    Write a file beside the one at ``path``, and put it in its place.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    # The name cannot be guessed, and the file is a new one: O_EXCL follows no link.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(path.parent)


def _check_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(EISDIR, "it is a directory, not a regular file", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(EINVAL, "it is not a regular file", str(path))


def _sync_folder(folder: Path) -> None:
    # So that the new name outlives a crash of the machine.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
