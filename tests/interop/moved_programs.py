"""
``python -m tests.interop.moved_programs FOLDER KIND``: what the docs say of moving, done.

Both programs of a pair in docs/from-grpcio.md, before and after, call grpcio's own server
through stubs that its plugin wrote. KIND is ``threads`` or ``aio``. What was found is
printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from rpcfw_grpc.adapters.grpcio_values import grpc_pairs
from tests.interop.blocking_stubs import LIMIT_S, WHO, echo, every_use, pairs

DOCS = Path(__file__).parents[2] / "docs" / "from-grpcio.md"


def programs(kind):
    """
    Return the two programs of a kind, as they stand in the docs.
    """
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    ours = [block for block in blocks if 'insecure_channel("greeter.internal:50051")' in block]
    first, second = [block for block in ours if ("grpc.aio" in block) is (kind == "aio")]
    return first, second


def channel_and_stub(program, target, stub):
    """
    Run a program of the docs; return what it made.
    """
    names = {"greeter_pb2_grpc": type("Generated", (), {"GreeterStub": stub})}
    exec(program.replace("greeter.internal:50051", target), names)  # noqa: S102 - our own docs
    return names["grpc"], names["channel"], names["stub"]


def with_threads(program, target, pb2, stub):
    _, channel, made = channel_and_stub(program, target, stub)
    with channel:
        return every_use(pb2, channel, type(made))


def with_asyncio(program, target, pb2, stub):
    """
    The uses of a stub in coroutines.
    """

    async def use():
        grpc, channel, made = channel_and_stub(program, target, stub)
        # At once: the channel has not even started.
        many = made.Many(pb2.Ask(count=20), timeout=LIMIT_S)
        found = [[each.text async for each in many], pairs_of(await many.initial_metadata())]
        call = made.Say(pb2.Ask(text="hello"), timeout=LIMIT_S, metadata=WHO)
        found += [(await call).text, pairs_of(await call.trailing_metadata())]
        for text, limit_s in (("abort", LIMIT_S), ("hang", 0.1)):
            try:
                await made.Say(pb2.Ask(text=text), timeout=limit_s)
            except grpc.aio.AioRpcError as error:
                found.append(error.code().name)
        asks = (pb2.Ask(text=text) for text in "abc")
        found.append([each.text async for each in made.Chat(asks, timeout=LIMIT_S)])
        said = await asyncio.gather(*(made.Say(pb2.Ask(text=str(n))) for n in range(50)))
        found.append([each.text.split()[0] for each in said])
        await channel.close()
        return found

    return use()


def pairs_of(metadata):
    return pairs(grpc_pairs(metadata))


def main(folder, kind):
    """
    Serve, run both programs, and print both findings.
    """
    sys.path.insert(0, str(folder))
    import adapted_pb2
    import adapted_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(16))
    servicer = echo(adapted_pb2, adapted_pb2_grpc.EchoServicer)
    adapted_pb2_grpc.add_EchoServicer_to_server(servicer, server)
    target = f"localhost:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    use = with_asyncio if kind == "aio" else with_threads
    made = [use(each, target, adapted_pb2, adapted_pb2_grpc.EchoStub) for each in programs(kind)]
    if kind == "aio":

        async def both():
            return [await each for each in made]

        made = asyncio.run(both())
    server.stop(None)
    sys.stdout.write(json.dumps(made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
