"""
A server that is stopped with SIGSTOP for a while, and its clients.

Run as a program: ``python paused_world.py serve WIRE REACTOR`` prints its address and serves
until SIGTERM; ``python paused_world.py call WIRE ADDRESS PID`` stops that server, calls it in
the meantime and prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from rpcfw.app.application import Application
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, run_detached, sleep, spawn
from rpcfw.spi.service import Service, method

PAUSE_S = 3.0
#: More than max_resets, and as many again that have time.
CALLS = 300


class Greeter(Service, name="demo.Greeter"):
    """
    Says hello.
    """

    @method
    async def say(self, name: str) -> str:
        return f"hello {name}"


def serve(wire, reactor):
    begin_logging("warn", sys.stderr)
    application = Application.from_ini(
        sets=[
            f"app.reactor={reactor}",
            f"app.protocols={wire}",
            f"server.protocols={wire}",
            "server.listen=tcp:127.0.0.1:0",
            "registry.plugin=memory",
            # Shorter than the pause.
            "server.handshake_timeout=2s",
        ],
        environ={},
        services=[Greeter()],
    )

    async def main():
        print(application.server.addresses[0], flush=True)  # noqa: T201 - a program
        try:
            await Waiter()
        except CANCELLED:
            return

    application.run(main)


def consumer(wire, address):
    return Application.from_ini(
        sets=[
            f"app.protocols={wire}",
            f"client.protocols={wire}",
            "retry.plugin=never",
            "registry.plugin=static",
            f"registry.instances=demo.Greeter = {address} protocols={wire}",
        ],
        environ={},
    )


async def outcome(deferred):
    """
    Return the name of what a call ended with.
    """
    try:
        return str(await deferred)
    except Exception as error:  # noqa: BLE001 - it is what was to be seen
        return f"{type(error).__name__}: {error}"


async def calls(application, fresh, pid):
    """
    Call a server that is away; return how the calls of each sort ended.
    """
    clock = application.runtime.clock
    greeter = application.client(Greeter)
    assert "hello bob" == await greeter.say("bob")
    os.kill(pid, signal.SIGSTOP)
    began = clock.seconds()
    impatient, patient = [], []
    for _ in range(CALLS):
        impatient.append(spawn(greeter.say("bob", timeout="50ms")))
        patient.append(spawn(greeter.say("ann", timeout="60s")))
        await sleep(clock, 0.002)
    async with fresh:
        # The system accepts these; the server sees them when it goes on.
        new = [spawn(fresh.client(Greeter).say("new", timeout="60s")) for _ in range(5)]
        await sleep(clock, max(0.0, began + PAUSE_S - clock.seconds()))
        os.kill(pid, signal.SIGCONT)
        seen = {}
        for name, running in (("impatient", impatient), ("patient", patient), ("new", new)):
            seen[name] = sorted({await run_detached(outcome(one)) for one in running})
        seen["impatient"] = sorted({text.partition(":")[0] for text in seen["impatient"]})
        return seen


def call(wire, address, pid):
    application, fresh = consumer(wire, address), consumer(wire, address)
    seen = application.run(lambda: calls(application, fresh, int(pid)))
    print(json.dumps(seen))  # noqa: T201 - a program


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
