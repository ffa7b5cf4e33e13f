"""
The message that is sent: an order, for Protobuf and for Thrift.

The modules are generated when a run begins, by the tools that are installed, since
generated Protobuf code belongs to the one release of Protobuf that made it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["PROTO", "answered", "fields", "generate"]

PROTO = Path(__file__).parent.parent / "examples" / "orders" / "order.proto"

_THRIFT = """\
struct Order {
  1: i64 order_id,
  2: list<i64> user_id,
  3: string remark,
  4: list<i32> reason_id,
}

service OrderService {
  Order create(1: Order request),
}
"""

_GENERATE_LIMIT_S = 60


def fields(remark_bytes: int) -> dict[str, Any]:
    """
    Return the fields of the order that is sent.
    """
    return {
        "order_id": 20_211_121_000_017,
        "user_id": [1_000_000_007, 1_000_000_009, 1_000_000_021],
        "remark": ("leave it with the neighbour, ring twice; " * (1 + remark_bytes // 41))[
            :remark_bytes
        ],
        "reason_id": [3, 141],
    }


def answered(order: Any, request: Any) -> Any:
    """
    Do the work of every server: an order, of class ``order``, out of the request.
    """
    return order(
        order_id=request.order_id,
        user_id=request.user_id,
        remark=request.remark,
        reason_id=request.reason_id,
    )


def generate(directory: Path) -> None:
    """
    Write ``order_pb2`` and ``order.thrift`` into ``directory``.
    """
    (directory / "order.thrift").write_text(_THRIFT)
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            f"-I{PROTO.parent}",
            f"--python_out={directory}",
            str(PROTO),
        ],
        check=True,
        timeout=_GENERATE_LIMIT_S,
    )
