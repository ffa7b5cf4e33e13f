"""
How long a registry takes: from announced to visible, and to load many instances.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.children import Child, ChildError, cores, running
from benchmarks.plan import Plan
from benchmarks.rows import Row

__all__ = ["registry"]

#: How long announcing ten thousand instances and what follows may take.
_LIMIT_S = 120


def registry(plan: Plan) -> list[Row]:
    """
    Measure our own node, and ZooKeeper if the plan says where it is.
    """
    rows: list[Row] = []
    try:
        with running("standalone", "standalone", Path()) as client:
            rows.append(_row("standalone", client))
        if plan.zookeeper:
            job = {"peer": "zookeeper", "role": "call", "kind": "unary", "core": cores()[1]}
            further = {"modules": "", "remark_bytes": 0, "address": plan.zookeeper}
            with Child({**job, **further}) as client:
                rows.append(_row("zookeeper", client))
        else:
            sys.stderr.write("zookeeper is left out: give --zookeeper ADDRESS\n")
    except ChildError as error:
        sys.stderr.write(f"{error}\n")
    return rows


def _row(name: str, client: Child) -> Row:
    return {"server": name, **client.ask({"in_flight": 1, "seconds": 1.0}, _LIMIT_S)}
