"""
Modules that grpcio's own plugin writes, made afresh: they are tied to their releases.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["PROTO", "generated", "write_generated"]

PROTO = """
syntax = "proto3";
package adapted;
message Ask { string text = 1; int32 count = 2; }
message Told { string text = 1; }
service Echo {
  rpc Say(Ask) returns (Told);
  rpc Many(Ask) returns (stream Told);
  rpc Join(stream Ask) returns (Told);
  rpc Chat(stream Ask) returns (stream Told);
}
"""


def write_generated(folder: Path) -> None:
    """
    Write ``adapted_pb2`` and ``adapted_pb2_grpc`` into a folder.
    """
    (folder / "adapted.proto").write_text(PROTO)
    places = (f"-I{folder}", f"--python_out={folder}", f"--grpc_python_out={folder}")
    command = [sys.executable, "-m", "grpc_tools.protoc", *places, "adapted.proto"]
    subprocess.run(command, check=True, timeout=60)


@cache
def generated() -> tuple[Any, Any]:
    """
    Return both modules.
    """
    folder = Path(tempfile.mkdtemp())
    write_generated(folder)
    sys.path.insert(0, str(folder))
    try:
        pair = ("adapted_pb2", "adapted_pb2_grpc")
        messages, services = (importlib.import_module(name) for name in pair)
    finally:
        sys.path.remove(str(folder))
    return messages, services
