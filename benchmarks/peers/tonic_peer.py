"""
tonic's server and client, in Rust, with the code that its build generates.
"""

from __future__ import annotations

import sys

from benchmarks.job import Job
from benchmarks.peers.programs import become, copied, execute

__all__ = ["build", "call", "serve"]


def build() -> None:
    """
    Compile the program; the first time this compiles all that it stands on.
    """
    with copied("tonic") as folder:
        # tonic's build wants a program of this kind, and a package of Python has it.
        protoc = folder / "protoc"
        protoc.write_text(f'#!/bin/sh\nexec {sys.executable} -m grpc_tools.protoc "$@"\n')
        protoc.chmod(0o755)
        execute(folder, "env", f"PROTOC={protoc}", "cargo", "build", "--release", "--locked")


def serve(job: Job) -> None:
    """
    Become the program, which serves or calls as the job says.
    """
    become(("tonic", "target", "release", "orders"), job)


call = serve
