"""
The process of the attackers: so many connections of each kind at once, again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from benchmarks.soak.hostile import ATTACKS, Attack

__all__ = ["attack"]

#: Between two pieces of an attacker that takes its time, and between two connections.
_MOMENT_S = 0.2
#: A piece that the server does not take in this time is the last one.
_PATIENCE_S = 2.0


async def attack(ports: list[int], seed: int, names: Sequence[str]) -> None:
    """
    Attack until standard input ends; then print how many connections each kind made.

    Args:
        ports: the server's: without TLS, with it.
        seed: of all chance in it.
        names: of the attacks.
    """
    counts: Counter[str] = Counter()
    tasks = [  # noqa: F841 - a loop holds its tasks but weakly
        asyncio.create_task(_again_and_again(one, ports, Random(f"{seed} {name} {number}"), tally))
        for name in names
        for tally in [partial(counts.update, [name])]
        for one in ATTACKS[name]
        for number in range(one.at_once)
    ]
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(counts), flush=True)
    os._exit(0)  # with all that is in flight: nobody is to be told


async def _again_and_again(
    one: Attack, ports: list[int], random: Random, tally: Callable[[], None]
) -> None:
    await asyncio.sleep(random.random())
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", ports[one.tls])
            tally()
            try:
                await _attack_once(one, random, reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(_MOMENT_S)


async def _attack_once(
    one: Attack, random: Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    ends_at = asyncio.get_running_loop().time() + one.hold_s
    if not one.reads:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
    for piece in one.pieces(random):
        if piece is None:
            await asyncio.sleep(_MOMENT_S)
            continue
        writer.write(piece)
        await asyncio.wait_for(writer.drain(), _PATIENCE_S)
    while (left_s := ends_at - asyncio.get_running_loop().time()) > 0:
        if not one.reads:
            await asyncio.sleep(left_s)
        elif not await asyncio.wait_for(reader.read(1 << 16), left_s):
            return
