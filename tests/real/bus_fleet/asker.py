"""
Asks registry servers how they are: ``asker ADDRESS...``.

Each line of standard input is answered by a line of JSON: hash and number of instances of each
server that answers, by its address.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.client.stub import proxy
from rpcfw.errors import CallError
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.address import Address
from rpcfw_registries.standalone.node.replication.peers import Peers

#: A server that takes longer has not answered.
_ANSWER_S = 2.0


async def ask(application: Application, text: str, found: dict[str, list[object]]) -> None:
    """
    Ask one server.
    """
    open_channel = application.runtime.plugin_context.open_channel
    channel = open_channel(Address.parse(text), "native", service=Peers.service_name)
    with suppress(CallError):
        status = await proxy(Peers, channel).status(timeout=_ANSWER_S)
        found[text] = [status.hash, status.instances]
    await channel.close()


async def answer(application: Application, texts: list[str]) -> None:
    """
    Answer each line.
    """
    async for _ in Lines(application.runtime.reactor, sys.stdin.fileno(), 1 << 10):
        found: dict[str, list[object]] = {}
        for asking in [spawn(ask(application, text, found)) for text in texts]:
            await asking
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def main() -> None:
    """
    Run the process.
    """
    begin_logging("info", sys.stderr)
    application = Application.from_ini(sets=["registry.plugin="])
    application.run(lambda: answer(application, sys.argv[1:]))


if __name__ == "__main__":
    main()
