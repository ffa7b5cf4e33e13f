"""
Programs with one mistake each, for `test_first_hour`; the argument says which.
"""

from __future__ import annotations

import gc
import sys
import warnings

import rpcfw
from tests.lab.services import Greeter

SETS = ["registry.plugin=static", "registry.instances=* = tcp:127.0.0.1:1", "client.timeout=200ms"]

app = rpcfw.Application.from_ini(sets=SETS)


async def forgotten() -> None:
    app.client(Greeter).say("bob")
    gc.collect()


async def started_again() -> None:
    async with app:
        pass


async def nothing() -> None:
    pass


def plain() -> int:
    return 5


def main(what: str) -> None:
    if what == "called":
        app.run(nothing())  # type: ignore[arg-type]  # the mistake
    elif what == "twice":
        app.run(nothing)
        app.run(nothing)
    elif what == "instance":
        app.client(Greeter("x"))
    else:
        app.run(globals()[what])


if __name__ == "__main__":
    warnings.simplefilter("always")
    main(sys.argv[1])
