"""
grpc-go's server and client, with the code that its plugins of protoc generate.
"""

from __future__ import annotations

import sys

from benchmarks.job import Job
from benchmarks.peers.programs import become, copied, execute

__all__ = ["build", "call", "serve"]

#: The module, as its go.mod says, and the package in it that is generated.
_MODULE = "rpcfw/benchmarks"
_PLUGINS = {
    "go": "google.golang.org/protobuf/cmd/protoc-gen-go",
    "go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
}


def build() -> None:
    """
    Generate the code, and compile the program.
    """
    with copied("grpc_go") as folder:
        execute(folder, "go", "build", "-o", "bin/", *_PLUGINS.values())
        options: list[str] = []
        for name in _PLUGINS:
            options += [
                f"--plugin=protoc-gen-{name}=bin/protoc-gen-{name}",
                f"--{name}_out=.",
                f"--{name}_opt=module={_MODULE}",
                f"--{name}_opt=Morder.proto={_MODULE}/order",
            ]
        execute(folder, sys.executable, "-m", "grpc_tools.protoc", "-I.", *options, "order.proto")
        execute(folder, "go", "build", "-o", "bin/orders", ".")


def serve(job: Job) -> None:
    """
    Become the program, which serves or calls as the job says.
    """
    become(("grpc_go", "bin", "orders"), job)


call = serve
