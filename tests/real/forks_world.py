"""
Programs that fork while an application runs, as servers and pools of processes do.

Run as a program: ``python forks_world.py WHAT ADDRESS``. Prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import rpcfw
from rpcfw.errors import RPCFWError, SetupError
from tests.real.blocking_service import Slow

ADDRESS = sys.argv[2] if len(sys.argv) > 2 else ""


def sets(address):
    return [
        "registry.plugin=static",
        f"registry.instances=demo.Slow = {address}",
        "app.log_level=warn",
    ]


def blocking():
    return rpcfw.blocking(sets=sets(ADDRESS))


def echo(text):
    """
    Call from an application of this process's own.
    """
    with blocking() as app:
        return app.client(Slow).echo(text)


def echo_in_a_loop(text):
    async def main():
        async with rpcfw.Application.from_ini(sets=sets(ADDRESS)) as app:
            return await app.client(Slow).echo(text)

    return asyncio.run(main())


def echo_in_app_run(text):
    app = rpcfw.Application.from_ini(sets=sets(ADDRESS))

    async def main():
        return await app.client(Slow).echo(text)

    return app.run(main)


def told(function, *arguments):
    try:
        return function(*arguments)
    except RPCFWError as error:
        return str(error)


def wait_for(pid):
    return os.waitpid(pid, 0)[1]


def in_child(function, *arguments):
    """
    Return what a function returned in a forked child.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.write(write, json.dumps(function(*arguments)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    text = b""
    while piece := os.read(read, 65536):
        text += piece
    status = wait_for(pid)
    return json.loads(text) if status == 0 else f"status {status}"


def after_an_application():
    """
    Each kind of application is made afresh in a child; the parent's goes on.
    """
    with blocking() as app:
        client = app.client(Slow)
        seen = [client.echo("a")]
        seen += [in_child(each, "b") for each in (echo, echo_in_a_loop, echo_in_app_run)]
        seen += [in_child(lambda: in_child(echo, "grandchild"))]
        return [*seen, client.echo("c")]


def the_parents_objects():
    """
    What is the parent's is refused in a child, at once, whatever is asked of it.
    """
    with blocking() as app:
        client = app.client(Slow)
        stream = client.count(1000)
        first = next(stream)

        def use():
            inner = app.application
            return [
                told(client.echo, "a"),
                told(next, stream),
                told(app.stop),
                told(asyncio.run, inner.client(Slow).echo("a")),
                told(asyncio.run, inner.stop()),
            ]

        return [*in_child(use), first, next(stream), client.echo("b")]


def calls_in_flight():
    """
    A fork amid calls of many threads disturbs none of them.
    """
    with blocking() as app:
        client = app.client(Slow)
        seen = []

        def work(number):
            for turn in range(50):
                text = f"{number}.{turn}"
                seen.append(client.echo(text) == text)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        children = [in_child(echo, "child") for _ in range(5)]
        for thread in threads:
            thread.join()
        return [children, len(seen), all(seen)]


def in_a_loop_that_runs():
    """
    A fork in a coroutine of the parent's loop.
    """

    async def main():
        async with rpcfw.Application.from_ini(sets=sets(ADDRESS)) as app:
            client = app.client(Slow)
            before = await client.echo("a")
            children = [in_child(each, "b") for each in (echo, echo_in_a_loop)]
            return [before, *children, await client.echo("c")]

    return asyncio.run(main())


def in_the_reactors_thread():
    """
    A fork in the reactor's own thread, as of a method that is served.
    """
    with blocking() as app:
        client = app.client(Slow)
        client.echo("a")

        async def fork():
            return in_child(echo, "b")

        return [app.run(fork), client.echo("c")]


def multiprocessing_fork():
    context = multiprocessing.get_context("fork")
    with blocking() as app:
        client = app.client(Slow)
        client.echo("a")
        with context.Pool(2) as pool:
            seen = pool.map(echo, ["b", "c", "d"])
        return [*seen, client.echo("e")]


def process_pool():
    context = multiprocessing.get_context("fork")
    with blocking() as app:
        client = app.client(Slow)
        client.echo("a")
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            seen = list(pool.map(echo, ["b", "c", "d"]))
        return [*seen, client.echo("e")]


def prefork():
    """
    As a server does that loads the program, forks, and serves in the children.
    """
    modules = {
        "made": rpcfw.Application.from_ini(sets=sets(ADDRESS)),
        "asyncio": rpcfw.Application.from_ini(sets=[*sets(ADDRESS), "app.reactor=asyncio"]),
    }

    def in_a_loop(name):
        async def main():
            async with modules[name] as app:
                return await app.client(Slow).echo(name)

        return asyncio.run(main())

    def by_run(name):
        app = modules[name]

        async def main():
            return await app.client(Slow).echo(name)

        return app.run(main)

    return [
        [in_child(function, name) for name in modules for _ in range(2)]
        for function in (in_a_loop, by_run)
    ]


def prefork_identities():
    """
    What the parent, and each child, says that must not be what another one says.
    """
    app = rpcfw.Application.from_ini(sets=[*sets(ADDRESS), "admin.listen=tcp:127.0.0.1:0"])

    def said():
        async def main():
            async with app:
                (page,) = app.admin.addresses
                reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
                writer.write(b"GET /inspect.json HTTP/1.0\r\nHost: localhost\r\n\r\n")
                _, _, body = (await reader.read()).partition(b"\r\n\r\n")
                run_id = json.loads(body)["process"]["run_id"]
                return [run_id, app.runtime.plugin_context.random.random()]

        return asyncio.run(main())

    return [in_child(said), in_child(said), said()]


class Echo(rpcfw.Service, name="demo.Echo"):
    @rpcfw.method
    async def echo(self, text: str) -> str:
        return text


def unwound(reactor="epoll"):
    """
    A child that leaves the parent's reactor by the way it came disturbs nobody.
    """
    app = rpcfw.Application.from_ini(sets=[*sets(ADDRESS), f"app.reactor={reactor}"])

    async def main():
        client = app.client(Slow)
        await client.echo("a")
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it has much to say
            raise SystemExit(0)
        wait_for(pid)
        # Threads wake the reactor, and sockets do.
        loop = app.runtime.plugin_context.threads
        return [await loop.call(len, "four"), await client.echo("b")]

    try:
        return app.run(main)
    except SetupError:
        os._exit(0)  # the child


def unwound_in_a_loop():
    return unwound("asyncio")


def ports_and_connections():
    """
    A child holds none of its parent's ports open when the parent dies without a word.
    """
    told, go = os.pipe(), os.pipe()
    app = rpcfw.Application.from_ini(
        sets=["registry.plugin=memory", "server.listen=tcp:127.0.0.1:0", "app.log_level=warn"],
        services=[Echo()],
    )

    async def main():
        await app.client(Echo).echo("a")
        (port,) = app.server._ports._open  # noqa: SLF001  # to see what is behind it
        number = port.getHost().port
        if os.fork() == 0:
            os.write(told[1], json.dumps(number).encode())
            os.close(go[1])
            os.read(go[0], 1)
        os._exit(0)

    parent = os.fork()
    if parent == 0:
        app.run(main)
    number = json.loads(os.read(told[0], 100))
    wait_for(parent)
    # If the child still had the port, the system would take this connection.
    with socket.socket() as probe:
        refused = probe.connect_ex(("127.0.0.1", number)) != 0
    os.close(go[1])
    return refused


def announced():
    """
    What a parent has announced in a registry outlives children that end in good order.
    """
    registry = [
        f"registry.plugin={sys.argv[2]}",
        f"registry.address={sys.argv[3]}",
        f"registry.{LEASES[sys.argv[2]]}=2s",
        "app.log_level=warn",
    ]
    provider = rpcfw.Application.from_ini(
        sets=[*registry, "server.listen=tcp:127.0.0.1:0"], services=[Echo()]
    )

    def consume():
        with rpcfw.blocking(sets=registry) as app:
            answer = app.client(Echo).echo("child", timeout=30)
        atexit._run_exitfuncs()  # noqa: SLF001  # as at the end of a process
        return answer

    async def main():
        answer = await provider.client(Echo).echo("parent", timeout=30)
        running = asyncio.get_running_loop()

        def in_turn():
            return in_child(consume)

        first = await running.run_in_executor(None, in_turn)
        await asyncio.sleep(5)  # longer than the lease
        second = await running.run_in_executor(None, in_turn)
        return [answer, first, second]

    async def whole():
        async with provider:
            return await main()

    return asyncio.run(whole())


#: What the plugins call the time after which a dead process is forgotten.
LEASES = {"zookeeper": "session_timeout", "etcd": "lease", "standalone": "lease"}


def terminated():
    """
    A child that is told to end does so at once, though its parent has handlers of its own.
    """
    app = rpcfw.Application.from_ini(sets=sets(ADDRESS))

    async def main():
        ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(ready[1], b"x")
            while True:
                signal.pause()
        os.read(ready[0], 1)
        os.kill(pid, signal.SIGTERM)
        status = wait_for(pid)
        return [os.WTERMSIG(status), await app.client(Slow).echo("a")]

    return app.run(main)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))  # noqa: T201 - a program
