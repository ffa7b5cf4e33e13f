"""
``python -m benchmarks.soak``: exit code 0 if the honest client was served as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.soak.attackers import attack
from benchmarks.soak.honest import Honest
from benchmarks.soak.hostile import ATTACKS
from benchmarks.soak.service import serve

__all__ = ["main"]

_REPORT_EVERY_S = 10.0
_PATIENCE_S = 60.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--p99-ms", type=float, default=250.0, help="bound of the honest client")
    parser.add_argument("--rss-mb", type=float, default=300.0, help="bound of the server")
    parser.add_argument("--timeout-s", type=float, default=10.0, help="of an honest call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", choices=ATTACKS, nargs="+", default=[*ATTACKS], help="these attacks alone"
    )
    # What the children are told.
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--attack", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser


@contextmanager
def _child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """
    Run a part of the soak in a process, which ends with its standard input.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.soak", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(_PATIENCE_S)


def _memory_mb(pid: int, field: str = "VmRSS") -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def _soak(options: argparse.Namespace, folder: Path) -> bool:
    with _child("--serve", str(folder)) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline() or "{}")
        ports = [str(port) for port in told["ports"]]
        with Honest(told["ports"][0], options.timeout_s) as honest:
            honest.call(1.0)  # it is connected before it gets crowded
            told_what = ["--seed", str(options.seed), "--only", *options.only]
            with _child(*told_what, "--attack", *ports) as attackers:
                ends_at = time.monotonic() + options.seconds
                while (left_s := ends_at - time.monotonic()) > 0:
                    honest.call(min(left_s, _REPORT_EVERY_S))
                    print(f"{honest.line()}, server {_memory_mb(told['pid']):.0f} MB", flush=True)
                found = attackers.communicate(timeout=_PATIENCE_S)[0]
            peak_mb = _memory_mb(told["pid"], "VmHWM")
            return _judge(options, honest, peak_mb, json.loads(found or "{}"))


def _judge(
    options: argparse.Namespace, honest: Honest, peak_mb: float, connections: dict[str, int]
) -> bool:
    for name, count in connections.items():
        print(f"{count:8,} connections of: {name}")
    print(f"{honest.line()}, server at most {peak_mb:.0f} MB")
    wrong = [f"lost: {error}" for error in honest.lost[:10]]
    if not honest.times_ms:
        wrong.append("the honest client made no call")
    elif honest.p99_ms > options.p99_ms:
        wrong.append(f"p99 is {honest.p99_ms:.0f} ms, over {options.p99_ms:g} ms")
    if peak_mb > options.rss_mb:
        wrong.append(f"the server took {peak_mb:.0f} MB, over {options.rss_mb:g} MB")
    wrong += [f"nobody attacked by: {name}" for name in options.only if name not in connections]
    for each in wrong:
        print(f"FAILED: {each}")
    return not wrong


def main() -> int:
    """
    Run the soak, or the part of it that a child is told to.
    """
    options = _parser().parse_args()
    if options.serve is not None:
        serve(options.serve)
    elif options.attack is not None:
        asyncio.run(attack(options.attack, options.seed, options.only))
    else:
        with tempfile.TemporaryDirectory() as folder:
            return 0 if _soak(options, Path(folder)) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
