"""
A program for plain threads, and what goes wrong in it.

Run as a program: ``python blocking_world.py WHAT ADDRESS``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import rpcfw
from rpcfw.errors import CallError, RPCFWError
from tests.real.blocking_service import Slow


def many_threads(app):
    """
    Call from thirty threads at once, and read a stream in each.
    """
    client = app.client(Slow)
    seen = []

    def work(number):
        texts = [f"{number}.{turn}" for turn in range(20)]
        seen.extend([client.echo(text) == text for text in texts])
        with client.count(5) as stream:
            seen.append(list(stream) == [0, 1, 2, 3, 4])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [len(seen), all(seen)]


def explained(app):
    """
    Ask where a call would go, without making one.
    """
    found = app.explain(Slow.echo, "a", metadata={"tag": "x"})
    return [found.method, [one.share for one in found.instances]]


def shapes(app):
    """
    Call every shape, and by hand.
    """
    client = app.client(Slow)
    with client.double() as talk:
        talk.send(4)
        first = next(talk)
        talk.end()
        rest = list(talk)
    with client.count(1000) as stream:
        little = [next(stream), next(stream)]
    try:
        client.sleep(5, timeout=0.1)
    except CallError as error:
        late = error.status.name
    return [client.echo("a"), client.total([1, 2, 3]), [first, rest], little, late]


def heard(app):
    """
    Hear what comes beside answers, in eight threads at once, and beside a stream's.
    """
    client = app.client(Slow)
    found = []

    def work(number):
        for turn in range(20):
            text = f"{number}.{turn}"
            with rpcfw.call_details() as details:
                client.tell(text)
            found.append([details.metadata.get("told"), details.trailers.get("told")] == [text] * 2)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with client.count(2) as stream:
        first = stream.metadata().get("told")
        list(stream)
    return [len(found), all(found), first, stream.trailers.get("told")]


def typed(app):
    """
    Call by callers, with options and without.
    """
    echo = app.caller(Slow.echo)
    quick = rpcfw.with_options(app.caller(Slow.sleep), timeout=0.05)
    try:
        quick(30)
    except rpcfw.CallError as error:
        ended = error.status.name
    return [echo("a"), len(list(app.caller(Slow.count)(3))), ended, "echo" in dir(app.client(Slow))]


def dropped(app):
    """
    Stop reading streams, in every way that says nothing.
    """
    client = app.client(Slow)
    for _ in client.tick():
        break
    stream = client.tick()
    next(stream)
    del stream
    try:
        for _ in client.tick():
            raise KeyError
    except KeyError:
        pass

    def doubled():
        for number in client.tick():
            yield 2 * number

    next(doubled())
    threads = [threading.Thread(target=lambda: next(client.tick())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [client.ticks_ended(8)]


def iterators(app):
    """
    Send what comes of iterators that block, and fail, while other calls go on.
    """
    client = app.client(Slow)
    go, threads, late = threading.Event(), [], threading.Event()

    def messages():
        threads.append(threading.current_thread().name)
        yield 1
        go.wait(60)
        yield 2

    def fails():
        yield 1
        raise KeyError("the caller's own")

    def never():
        yield 1
        late.wait(60)
        yield 2

    with ThreadPoolExecutor(2) as pool:
        totals = [pool.submit(client.total, messages(), timeout=60) for _ in range(2)]
        echoes = [client.echo(str(number), timeout=60) for number in range(3)]
        go.set()
        sums = [total.result() for total in totals]
    try:
        client.total(fails())
    except KeyError as error:
        failed = error.args[0]
    try:
        client.total(never(), timeout=0.2)
    except CallError as error:
        status = error.status.name
    late.set()
    doubled = list(client.double(iter([1, 2])))
    return [echoes, sums, sorted(set(threads)), failed, status, doubled]


def say_when_begun(client):
    client.begun()
    print("calling", flush=True)  # noqa: T201 - a program


def interrupted(app):
    """
    Wait for what takes long, until Ctrl-C comes.
    """
    watching = threading.Thread(target=say_when_begun, args=(app.client(Slow),))
    watching.start()
    try:
        app.client(Slow).sleep(30, timeout=60)
    except KeyboardInterrupt:
        return [app.client(Slow).cancelled()]
    return "not interrupted"


def forked(app):
    """
    Call in a child of this process, which has not the reactor's thread.
    """
    read, write = os.pipe()
    if os.fork() == 0:
        told = []
        try:
            app.client(Slow).echo("a")
        except RPCFWError as error:
            told.append(str(error))
        try:
            rpcfw.blocking(sets=["registry.plugin=memory"])
            told.append("made")
        except RPCFWError as error:
            told.append(str(error))
        os.write(write, json.dumps(told).encode())
        os._exit(0)
    os.wait()
    told = json.loads(os.read(read, 10_000))
    return [*told, app.client(Slow).echo("a")]


def within(app):
    """
    Block in the reactor's own thread, which would never end.
    """
    client = app.client(Slow)
    told = []

    def wrong():
        try:
            client.echo("a")
        except RPCFWError as error:
            told.append(str(error))

    from twisted.internet import reactor

    reactor.callFromThread(wrong)
    end = time.monotonic() + 10
    while not told and time.monotonic() < end:
        client.echo("b")
    return told


if __name__ == "__main__":
    ADDRESS = sys.argv[2]
    with rpcfw.blocking(
        sets=[
            "registry.plugin=static",
            f"registry.instances=demo.Slow = {ADDRESS}",
            "app.log_level=warn",
        ]
    ) as APP:
        RESULT = globals()[sys.argv[1]](APP)
    print(json.dumps(RESULT))  # noqa: T201 - a program
