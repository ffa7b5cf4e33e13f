"""
The rows: each library with each message.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.hessian.libraries import LIBRARIES, Library, order
from benchmarks.plan import Plan
from benchmarks.rows import Row

__all__ = ["hessian"]

_AGAINST = "python-hessian"
_PROGRAM = Path(__file__).with_name("HessianLite.java")
#: How long Java may take beyond its measurements.
_LIMIT_S = 60


def hessian(plan: Plan) -> list[Row]:
    """
    Measure every library that is installed, and hessian-lite if the plan says where it is.
    """
    rows = []
    for library in LIBRARIES:
        try:
            rows += list(_rows(library, plan))
        except ImportError as error:
            sys.stderr.write(f"{library.name} is left out: {error}\n")
    rows += _java(plan)
    return [_with_ratio(row, rows) for row in rows]


def _rows(library: Library, plan: Plan) -> Iterator[Row]:
    """
    Measure one library in this process.
    """
    values: tuple[tuple[str, Any], ...] = (
        ("order", order()),
        ("1,000 orders", [order() for _ in range(1000)]),
    )
    for name, value in values:
        data, decode, encode = library.prepare(value)
        yield {
            "library": library.name,
            "message": name,
            "bytes": len(data),
            "decode_us": _microseconds(decode, plan),
            "encode_us": _microseconds(encode, plan) if encode else None,
        }


def _microseconds(step: Callable[[], object], plan: Plan) -> float:
    """
    Return processor time of a step: the middle of the repetitions, after a warm-up.
    """
    _repeated(step, plan.seconds / 4)
    return round(median(_repeated(step, plan.seconds) for _ in range(plan.repetitions)), 2)


def _repeated(step: Callable[[], object], seconds: float) -> float:
    begun = now = time.process_time()
    count = 0
    while now - begun < seconds:
        for _ in range(10):
            step()
        count += 10
        now = time.process_time()
    return (now - begun) * 1e6 / count


def _java(plan: Plan) -> list[Row]:
    """
    Measure hessian-lite.
    """
    java = shutil.which("java")
    if not plan.hessian_lite or not java:
        sys.stderr.write("hessian-lite is left out: it needs Java and --hessian-lite JAR\n")
        return []
    done = subprocess.run(
        [java, "-cp", plan.hessian_lite, _PROGRAM, str(plan.seconds), order().remark],
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_S + 8 * plan.seconds,
    )
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != 2:
        sys.stderr.write(f"hessian-lite is left out: {done.stderr.strip()}\n")
        return []
    return [
        {
            "library": "hessian-lite",
            "message": name,
            "bytes": int(size),
            "decode_us": round(float(decode), 2),
            "encode_us": round(float(encode), 2),
        }
        for name, (size, decode, encode) in zip(
            ("order", "1,000 orders"), map(str.split, lines), strict=True
        )
    ]


def _with_ratio(row: Row, rows: list[Row]) -> Row:
    """
    Return a row with how many times faster it decodes than python-hessian.
    """
    others = [
        other["decode_us"]
        for other in rows
        if (other["library"], other["message"]) == (_AGAINST, row["message"])
    ]
    ratio = round(others[0] / row["decode_us"], 1) if others else None
    return {**row, f"decode × {_AGAINST}": ratio}
