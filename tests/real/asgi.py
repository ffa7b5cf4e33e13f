"""
The server's side of ASGI, as far as one GET takes it: lifespan, request, lifespan.

As a program it runs ``module:application`` and prints what GET answers to each path.
"""

from __future__ import annotations

import asyncio
import importlib
import sys


class Lifespan:
    """
    An application's lifespan, from its startup to its shutdown.
    """

    def __init__(self, application):
        self._application = application
        self._events = asyncio.Queue()
        self._sent = asyncio.Queue()

    async def __aenter__(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self._task = asyncio.ensure_future(
            self._application(scope, self._events.get, self._sent.put)
        )
        await self._do("startup")

    async def __aexit__(self, *_):
        await self._do("shutdown")
        await self._task

    async def _do(self, what):
        await self._events.put({"type": f"lifespan.{what}"})
        answer = asyncio.ensure_future(self._sent.get())
        await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            self._task.result()  # it failed, or ended without an answer
        assert {"type": f"lifespan.{what}.complete"} == await answer


async def get(application, target):
    """
    Return the status and the body that an application answers with.
    """
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver")],
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 50000),
    }
    sent = []
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if not requests:
            await asyncio.Event().wait()  # the client stays
        return requests.pop()

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def main(name, *targets):
    module, _, attribute = name.partition(":")
    application = getattr(importlib.import_module(module), attribute)
    async with Lifespan(application):
        for target in targets:
            status, body = await get(application, target)
            sys.stdout.write(f"{status} {body.decode()}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
