"""
Peers in other languages: built from the sources beside this file, then run as they are.

They are built in a folder of the user's cache, so that only the first build takes minutes, and
that of another checkout takes none. The process of the peer becomes that of the program, so that
its processor time is measured.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.job import Job
from benchmarks.messages import PROTO

__all__ = ["become", "copied", "execute"]

_SOURCES = Path(__file__).parent


def _folder(name: str) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "rpcfw-benchmarks", name)


@contextmanager
def copied(name: str) -> Iterator[Path]:
    """
    Copy the sources into the cache, and yield the folder: to one process at a time.
    """
    folder = _folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(_SOURCES / name, folder, dirs_exist_ok=True)
        shutil.copy2(PROTO, folder)
        yield folder


def execute(folder: Path, *command: str) -> None:
    """
    Run a command of a build, and show what it says.
    """
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)


def become(program: Sequence[str], job: Job) -> None:
    """
    Run a program that was built in the place of this process, and tell it its job.
    """
    # It is too long for the command line; and others that start now write a file of their own.
    request = Path(job.modules, f"order-{os.getpid()}.json")
    request.write_text(json.dumps(job.fields))
    what = {
        "role": job.role,
        "port": job.port,
        "server_pid": job.server_pid,
        "request": str(request),
        "certificate": job.certificate,
    }
    path = str(_folder(program[0]).joinpath(*program[1:]))
    os.execv(path, [path, json.dumps(what)])  # noqa: S606 - no shell is wanted
